//! Signs heads as the chain grows, off the commit path.

use std::path::Path;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::AuditError;
use super::checkpoint::{Checkpoint, CheckpointFile};
use super::verify;
use crate::crypto::Signer;
use crate::domain::{DurationMs, Timestamp};
use crate::store::AuditHead;

/// When to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnchorPolicy {
    /// After this many records.
    pub every_records: u64,
    /// After this time, in milliseconds, if there is anything new.
    pub every_ms: DurationMs,
}

impl Default for AnchorPolicy {
    fn default() -> Self {
        Self { every_records: 100, every_ms: 60_000 }
    }
}

/// The running anchor.
#[derive(Debug)]
pub struct Anchors {
    anchored: watch::Receiver<AuditHead>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Anchors {
    /// Checks the database at `store` against the checkpoints in `path` and begins to sign. `clock`
    /// tells the time.
    ///
    /// # Errors
    /// [`AuditError::Chain`] when the chain was cut off, rolled back or rewritten since the last
    /// checkpoint; what opening the file says.
    pub async fn start(
        store: &Path,
        heads: watch::Receiver<AuditHead>,
        signer: Signer,
        path: &Path,
        policy: AnchorPolicy,
        clock: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<Self, AuditError> {
        let (file, checkpoints) = CheckpointFile::open(path)?;
        let report = verify::check(store, &checkpoints, signer.verify_key()).await?;
        if let Some(finding) = report.finding {
            return Err(AuditError::Chain(finding));
        }
        let last = report.anchored;
        let (sender, anchored) = watch::channel(last);
        let (stop, stopped) = oneshot::channel();
        let signing = Signing { file, signer, last, sender };
        let task = tokio::spawn(run(signing, heads, policy, stopped, clock));
        Ok(Self { anchored, stop: Some(stop), task })
    }

    /// The last head signed.
    pub fn anchored(&self) -> AuditHead {
        *self.anchored.borrow()
    }

    /// The same, as it moves.
    pub fn watch(&self) -> watch::Receiver<AuditHead> {
        self.anchored.clone()
    }

    /// Signs the last head and ends. Call it after the store was closed.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        if let Err(error) = self.task.await {
            tracing::error!(%error, "signing checkpoints ended badly");
        }
    }
}

struct Signing {
    file: CheckpointFile,
    signer: Signer,
    last: AuditHead,
    sender: watch::Sender<AuditHead>,
}

impl Signing {
    /// A failure is logged and tried again with the next head: decisions do not wait for it.
    fn sign(&mut self, head: AuditHead, at: Timestamp) {
        if head.sequence <= self.last.sequence {
            return;
        }
        let checkpoint = Checkpoint::sign(&head, at, &self.signer);
        match self.file.append(&checkpoint) {
            Ok(()) => {
                self.last = head;
                self.sender.send_replace(head);
            }
            Err(error) => {
                let unanchored = head.sequence - self.last.sequence;
                tracing::error!(%error, unanchored, "a checkpoint could not be written");
            }
        }
    }
}

async fn run(
    mut signing: Signing,
    mut heads: watch::Receiver<AuditHead>,
    policy: AnchorPolicy,
    mut stopped: oneshot::Receiver<()>,
    clock: impl Fn() -> Timestamp + Send + 'static,
) {
    let mut tick = tokio::time::interval(Duration::from_millis(policy.every_ms.max(1)));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut open = true;
    loop {
        let due = tokio::select! {
            _ = &mut stopped => break,
            _ = tick.tick() => true,
            changed = heads.changed(), if open => {
                open = changed.is_ok();
                let sequence = heads.borrow().sequence;
                sequence >= signing.last.sequence.saturating_add(policy.every_records)
            }
        };
        if due {
            let head = *heads.borrow_and_update();
            let Some(back) = sign(signing, head, clock()).await else { return };
            signing = back;
        }
    }
    let head = *heads.borrow();
    sign(signing, head, clock()).await;
}

/// Signs on a thread that may wait for the disk.
async fn sign(mut signing: Signing, head: AuditHead, at: Timestamp) -> Option<Signing> {
    let signed = tokio::task::spawn_blocking(move || {
        signing.sign(head, at);
        signing
    });
    match signed.await {
        Ok(signing) => Some(signing),
        Err(error) => {
            tracing::error!(%error, "signing checkpoints ended badly");
            None
        }
    }
}
