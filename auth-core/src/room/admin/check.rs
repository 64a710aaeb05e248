//! Whether anybody can administer.

use crate::{Error, Finding, kernel::Kernel, store::has_admin};

pub(super) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    if has_admin(kernel.store.db()).await? {
        return Ok(Vec::new());
    }
    Ok(vec![Finding::note(
        "no_admin",
        "there is no administrator who could sign in",
        "make one: `auth-server users create EMAIL --role admin`, `Auth::create_user`",
    )])
}
