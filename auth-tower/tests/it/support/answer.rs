use http::{HeaderMap, StatusCode};

/// A whole answer. Its body is text: no endpoint sends anything else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map(|value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{name} is repeated: {self:?}");
        value
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The text of a member of the JSON body.
    pub(crate) fn member(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// The names of the fields in the errors of a problem document.
    pub(crate) fn fields(&self) -> Vec<String> {
        let errors = self.json()["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
    }

    /// The header that sets the cookie whose name ends like this.
    pub(crate) fn set_cookie(&self, name: &str) -> Option<&str> {
        let values = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let mut ours = values.filter(|set| set.split('=').next().unwrap().ends_with(name));
        let value = ours.next();
        assert!(ours.next().is_none(), "{name} is set twice: {self:?}");
        value
    }

    /// The refresh cookie that this answer sets, as `name=value` for a request.
    pub(crate) fn cookie(&self) -> Option<String> {
        let cookie = self.set_cookie("refresh_token")?.split(';').next()?;
        (!cookie.ends_with('=')).then(|| cookie.to_owned())
    }

    /// The device cookie that this answer sets, as `name=value` for a request.
    pub(crate) fn device(&self) -> Option<String> {
        Some(self.set_cookie("auth_device")?.split(';').next()?.to_owned())
    }

    pub(crate) fn clears_cookie(&self) -> bool {
        self.header("set-cookie").is_some_and(|cookie| cookie.ends_with("Max-Age=0"))
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self:?}");
        self
    }

    /// A problem document with this code, whole and well formed.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, code: &str) -> Self {
        let answer = self.expect(status);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{answer:?}");
        let document = answer.json();
        assert_eq!(document["code"], code, "{answer:?}");
        assert_eq!(document["status"], status, "{answer:?}");
        for member in ["type", "title", "detail"] {
            assert!(document[member].is_string(), "{member}: {answer:?}");
        }
        answer
    }
}
