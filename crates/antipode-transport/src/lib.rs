pub mod certificate;
pub mod error;
pub mod identity;
mod tls;
