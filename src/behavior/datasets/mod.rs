//! Readers of public data sets: the text of a file becomes captures or feature rows. They are for fitting and
//! evaluation; the server does not use them.

pub mod sapimouse;
