//! Filters without a server, for those who write them: loads a component into the sandbox, asks its hooks about mail
//! from files and tells what came of it. No mail comes here, nothing is delivered, nothing is printed.

pub mod cases;
pub mod counted;
pub mod expect;
pub mod lent;
pub mod mailbox;
pub mod measure;
pub mod scenario;
pub mod subject;
pub mod trial;
