//! The table of endpoints: what each one is called, who may come in, what it takes.

use std::collections::BTreeMap;

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::call::Call;
use super::params::{Fallback, Kind, Param, Params};
use super::refusal::{Outcome, Refusal};

/// Who passes an endpoint's door, before roles are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Anybody, also without a token.
    Open,
    /// Anybody may read; writing needs a token (401).
    SignedInToWrite,
    /// A token is needed (401).
    SignedIn,
    /// An administrator's token is needed (401, 403).
    Admin,
}

/// Which token scopes suffice besides `api` (all methods) and `read_api` (GET and HEAD).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scopes {
    /// No further ones.
    Api,
    /// `read_user` too, for reading.
    ReadUser,
    /// `self_rotate` too.
    SelfRotate,
    /// Any scope at all.
    Any,
}

/// The application limits of GitLab (JSON 429), by endpoint; quotas are in the application settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// `GET /projects`.
    Projects,
    /// `GET /projects/:id`.
    Project,
    /// `GET /groups`.
    Groups,
    /// `GET /groups/:id`.
    Group,
    /// `GET /groups/:id/projects`.
    GroupProjects,
    /// `GET …/members/all`.
    MembersAll,
    /// `DELETE …/members/:user_id`, counted per project or group.
    MembersDelete,
    /// `GET /users/:id`, not for administrators.
    User,
}

/// A rule about several parameters together.
#[derive(Clone, Copy, Debug)]
pub enum Together {
    /// Not two of them: `a, b are mutually exclusive` unless another end of the sentence is given.
    Exclusive(&'static [&'static str], Option<&'static str>),
    /// One at least.
    AtLeastOne(&'static [&'static str]),
}

impl Together {
    /// The sentence to refuse with, if any.
    pub fn violation(self, params: &Params) -> Option<String> {
        let given = |names: &[&'static str]| -> Vec<&'static str> {
            names.iter().copied().filter(|name| params.has(name)).collect()
        };
        match self {
            Self::Exclusive(names, sentence) => {
                let given = given(names);
                let end = sentence.unwrap_or("are mutually exclusive");
                (given.len() > 1).then(|| format!("{} {end}", given.join(", ")))
            }
            Self::AtLeastOne(names) => given(names)
                .is_empty()
                .then(|| format!("{} are missing, at least one parameter must be provided", names.join(", "))),
        }
    }
}

/// Runs one endpoint.
pub type Handler = fn(&mut Call<'_>) -> Outcome;

/// Runs before the parameters are checked.
pub type Before = fn(&mut Call<'_>) -> Result<(), Refusal>;

/// One endpoint below `/api/v4`.
#[derive(Clone, Debug)]
pub struct Route {
    pub(crate) method: Method,
    pattern: &'static str,
    pub(crate) door: Door,
    pub(crate) scopes: Scopes,
    pub(crate) limit: Option<Limit>,
    pub(crate) before: Option<Before>,
    pub(crate) params: Vec<&'static [Param]>,
    pub(crate) together: Vec<Together>,
    pub(crate) handler: Handler,
}

const PAGING: &[Param] = &[
    Param::optional("page", Kind::Integer).default(Fallback::Integer(1)),
    Param::optional("per_page", Kind::Integer).except(&["0"]).default(Fallback::Integer(20)),
];

impl Route {
    fn new(method: Method, pattern: &'static str, handler: Handler) -> Self {
        Self {
            method,
            pattern,
            door: Door::SignedIn,
            scopes: Scopes::Api,
            limit: None,
            before: None,
            params: Vec::new(),
            together: Vec::new(),
            handler,
        }
    }

    /// GET (and HEAD). The pattern is what follows `/api/v4`: `/projects/:id/variables/:key`.
    pub fn get(pattern: &'static str, handler: Handler) -> Self {
        Self::new(Method::GET, pattern, handler)
    }

    /// POST.
    pub fn post(pattern: &'static str, handler: Handler) -> Self {
        Self::new(Method::POST, pattern, handler)
    }

    /// PUT.
    pub fn put(pattern: &'static str, handler: Handler) -> Self {
        Self::new(Method::PUT, pattern, handler)
    }

    /// DELETE.
    pub fn delete(pattern: &'static str, handler: Handler) -> Self {
        Self::new(Method::DELETE, pattern, handler)
    }

    /// Who passes; [`Door::SignedIn`] unless said.
    #[must_use]
    pub fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// Further scopes that suffice.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// The application limit that counts this endpoint.
    #[must_use]
    pub fn limited(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    /// A check that GitLab makes before it looks at the parameters (403 before 400).
    #[must_use]
    pub fn before(mut self, before: Before) -> Self {
        self.before = Some(before);
        self
    }

    /// Declares parameters; may be called several times.
    #[must_use]
    pub fn params(mut self, params: &'static [Param]) -> Self {
        self.params.push(params);
        self
    }

    /// A rule about several parameters together.
    #[must_use]
    pub fn together(mut self, rule: Together) -> Self {
        self.together.push(rule);
        self
    }

    /// The declared parameters of a request, checked.
    pub fn check(&self, given: &Map<String, Value>) -> Result<Params, Refusal> {
        let params = Params::check(&self.params, given).map_err(|errors| Refusal::parameters(&errors))?;
        let violations: Vec<String> = self.together.iter().filter_map(|rule| rule.violation(&params)).collect();
        if violations.is_empty() { Ok(params) } else { Err(Refusal::parameters(&violations)) }
    }

    /// Declares `page` and `per_page`.
    #[must_use]
    pub fn paged(self) -> Self {
        self.params(PAGING)
    }

    /// The decoded values of the pattern's variables when the path fits.
    fn matches(&self, segments: &[&str]) -> Option<BTreeMap<&'static str, String>> {
        let mut wanted = self.pattern.split('/').skip(1);
        let mut values = BTreeMap::new();
        for segment in segments {
            let want = wanted.next()?;
            let decoded = percent_decode_str(segment).decode_utf8_lossy().into_owned();
            match want.strip_prefix(':') {
                Some(name) => {
                    values.insert(name, decoded);
                }
                None if want == decoded => {}
                None => return None,
            }
        }
        wanted.next().is_none().then_some(values)
    }

    fn literals(&self) -> usize {
        self.pattern.split('/').filter(|segment| !segment.starts_with(':')).count()
    }
}

/// What the table says about a path.
pub enum Found<'a> {
    /// An endpoint and the values of its path.
    Route(&'a Route, BTreeMap<&'static str, String>),
    /// The path exists with other methods only.
    WrongMethod,
    /// No such path.
    Nothing,
}

/// All endpoints. Where two patterns fit, the one with more fixed words wins (`members/all` before `members/:user_id`).
#[derive(Debug, Default)]
pub struct RouteTable(Vec<Route>);

impl RouteTable {
    /// The table of these routes.
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| std::cmp::Reverse(route.literals()));
        Self(routes)
    }

    /// Looks up a path below `/api/v4`, as sent. HEAD finds GET routes.
    pub fn find(&self, method: &Method, path: &str) -> Found<'_> {
        // The web server in front of GitLab merges slashes (python-gitlab sends `/features//NAME`).
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let wanted = if method == Method::HEAD { &Method::GET } else { method };
        let mut other_method = false;
        for route in &self.0 {
            if let Some(values) = route.matches(&segments) {
                if route.method == *wanted {
                    return Found::Route(route, values);
                }
                other_method = true;
            }
        }
        if other_method { Found::WrongMethod } else { Found::Nothing }
    }
}
