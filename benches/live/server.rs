//! The server as a process of its own.

use std::io::BufRead as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use vouch::config::Config;

/// The server, on core 0; killed when dropped.
pub struct Server {
    child: Child,
    pub address: String,
}

impl Server {
    pub fn start(binary: &Path, config: &Config, folder: &Path) -> Self {
        let file = folder.join("vouch.toml");
        std::fs::write(&file, config.to_toml()).unwrap();
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(binary)
            .args(["serve", "--config"])
            .arg(&file)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut stdout = std::io::BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap_or_default();
        Self { address: format!("http://{address}"), child }
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
        // In ticks of 10 ms; the 14th and 15th field, two of which stand before the last bracket.
        let ticks: u64 = fields[11..13].iter().map(|f| f.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    pub fn resident_kib(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or("0");
        line.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is of no use any more, whatever comes of this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
