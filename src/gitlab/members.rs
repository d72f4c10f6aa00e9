//! Members of a project.

use http::Method;
use serde::Deserialize;

use super::{
    call::Endpoint,
    client::Client,
    error::{Error, Missing},
};

const GET: Endpoint = Endpoint::new(Method::GET, "GET /projects/:id/members/all/:user_id");

#[derive(Deserialize)]
struct Member {
    access_level: i64,
}

impl Client {
    /// The access level (40 is Maintainer) that a user has in a project by whatever way: as a member of it, of a group above
    /// it, or of a group that was invited; `None` for somebody who is no member. For whoever checks what the token may do.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn member_level(&self, project_id: i64, user_id: i64) -> Result<Option<i64>, Error> {
        match self.value::<Member>(&GET.call(&[&project_id, &user_id])).await {
            Ok(member) => Ok(Some(member.access_level)),
            Err(Error::NotFound { what: Missing::Record, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
