//! Readers of public data sets: the text of a file becomes captures or feature rows. They are for fitting and
//! evaluation; the server does not use them.

pub mod aalto;
pub mod cmu_dsl;
pub mod how_we_swipe;
pub mod meu_mobile;
pub mod mobile_banking;
pub mod sapientia;
pub mod sapimouse;
pub mod touchalytics;
