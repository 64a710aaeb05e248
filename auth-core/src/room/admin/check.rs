//! Whether anybody can administer.

use crate::{
    ADMIN_ROLE, Error, Finding, UserId,
    kernel::Kernel,
    store::{find_able, has_password, has_rows},
};

pub(super) async fn check(kernel: &Kernel) -> Result<Vec<Finding>, Error> {
    // One who has yet to prove the address is sent the link at the next sign-in.
    for admin in find_able(kernel.store.db(), ADMIN_ROLE).await? {
        if has_way_in(kernel, admin).await? {
            return Ok(Vec::new());
        }
    }
    Ok(vec![Finding::note(
        "no_admin",
        "there is no administrator who could sign in",
        "make one: `auth-server users create EMAIL --role admin`, `Auth::create_user`",
    )])
}

async fn has_way_in(kernel: &Kernel, user: UserId) -> Result<bool, Error> {
    let db = kernel.store.db();
    if has_password(db, user).await? {
        return Ok(true);
    }
    for way in kernel.rooms.iter().filter_map(|room| room.ways_in) {
        if has_rows(db, way.table, way.user, user).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
