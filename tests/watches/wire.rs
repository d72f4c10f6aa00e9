//! The wire between the operator and the API server: every request passes here, and the lists and watches of the operator's
//! watches can be cut, silenced, doubled, refused.

use std::{
    collections::{HashSet, VecDeque},
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::Frame;
use kube::{Client, client::Body};
use serde_json::json;
use tokio::sync::watch;
use tower::BoxError;

use crate::installed::comes_to_rest;

/// What is wrong with the lists and watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Each watch that is open ends between two events.
    CutBetween,
    /// Each watch stops once in the middle of an event: some break, the others end as if nothing were wrong.
    CutInside,
    /// History is gone until all was listed anew: some watches say so by an event; others end, and each new one is refused
    /// with the status 410.
    Gone,
    /// Nothing comes any more: no event, no error, no end.
    Mute,
    /// History is gone, and an answer to a list never ends.
    MuteLists,
    /// Events get lost, and nothing tells of it.
    Deaf,
    /// Each event comes twice.
    Twice,
    /// Lists and watches are refused: half of them with 429, the others with 500.
    Refused,
    /// There is no API server: every request fails, those of passes too.
    Away,
}

/// A list or a watch of the operator's watches.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Asked {
    path: String,
    selector: String,
}

impl Asked {
    /// Whether this is one of the operator's watches or the list before it; passes ask for no pages.
    fn read<B>(request: &Request<B>) -> Option<(Self, bool)> {
        let query = request.uri().query().unwrap_or_default();
        let pairs: Vec<_> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let get = |key: &str| pairs.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
        let watches = get("watch") == Some("true");
        let concerned = request.method() == Method::GET && (watches || get("limit").is_some());
        let selector = [get("labelSelector"), get("fieldSelector")].into_iter().flatten().collect();
        concerned.then(|| (Self { path: request.uri().path().to_owned(), selector }, watches))
    }
}

impl Asked {
    /// Some are this and some are that, always the same ones.
    fn is_odd(&self) -> bool {
        (self.path.len() + self.selector.len()) % 2 == 1
    }

    /// Neither a kind of ours nor something in the operator's own namespace.
    fn is_of_the_kept(&self) -> bool {
        !self.path.contains("/gl-k8s.dev/") && !self.path.contains("/namespaces/gl-k8s-integrator/")
    }
}

/// A request that can change something: method, path.
pub type Write = (Method, String);

/// See the module.
pub struct Wire {
    state: Mutex<State>,
    /// Tells open watches that the trouble is another one.
    struck: watch::Sender<Option<Trouble>>,
}

#[derive(Default)]
struct State {
    writes: Vec<Write>,
    /// What was listed since the trouble began.
    listed: HashSet<Asked>,
    /// The watches that have met the trouble.
    met: HashSet<Asked>,
    /// Whether only the watches of what is kept in managed namespaces are concerned.
    only_of_the_kept: bool,
}

impl Default for Wire {
    fn default() -> Self {
        Self { state: Mutex::default(), struck: watch::Sender::new(None) }
    }
}

impl Wire {
    /// From now on this is wrong with every list and watch.
    pub fn strike(&self, trouble: Trouble) {
        self.strike_at(trouble, false);
    }

    /// The same for the watches of what is kept in managed namespaces alone.
    pub fn strike_at_the_kept(&self, trouble: Trouble) {
        self.strike_at(trouble, true);
    }

    fn strike_at(&self, trouble: Trouble, only_of_the_kept: bool) {
        let mut state = self.state.lock().unwrap();
        state.listed.clear();
        state.met.clear();
        state.only_of_the_kept = only_of_the_kept;
        self.struck.send_replace(Some(trouble));
    }

    /// From now on nothing is wrong any more; what is silent stays so.
    pub fn heal(&self) {
        self.struck.send_replace(None);
    }

    /// Which watches, or lists before them, have met the trouble so far.
    pub fn met(&self) -> usize {
        self.state.lock().unwrap().met.len()
    }

    /// Forgets what was written so far.
    pub fn forget(&self) {
        self.state.lock().unwrap().writes.clear();
    }

    /// What the operator wrote since then, or tried to; events are left out.
    pub fn writes(&self) -> Vec<Write> {
        self.state.lock().unwrap().writes.clone()
    }

    /// Waits until nothing is written any more: instances and classes count their mappings a little later.
    pub async fn comes_to_rest(&self) {
        comes_to_rest("what is written", Duration::from_secs(1), || self.writes().len()).await;
    }

    fn concerns(&self, asked: &Asked) -> bool {
        asked.is_of_the_kept() || !self.state.lock().unwrap().only_of_the_kept
    }

    /// Gives whether it is the first time.
    fn meets(&self, asked: &Asked) -> bool {
        self.state.lock().unwrap().met.insert(asked.clone())
    }

    /// A client whose requests pass here.
    pub fn client(self: &Arc<Self>, client: Client) -> Client {
        let wire = Arc::clone(self);
        let service = tower::service_fn(move |request: Request<Body>| {
            let (wire, client) = (Arc::clone(&wire), client.clone());
            async move { wire.pass(&client, request).await }
        });
        Client::new(service, "default")
    }

    async fn pass(self: Arc<Self>, client: &Client, request: Request<Body>) -> Result<Answer, BoxError> {
        if request.method() != Method::GET && !request.uri().path().contains("/events") {
            let write = (request.method().clone(), request.uri().path().to_owned());
            self.state.lock().unwrap().writes.push(write);
        }
        let asked = Asked::read(&request);
        let trouble = *self.struck.borrow();
        if trouble == Some(Trouble::Away) {
            if let Some((asked, _)) = &asked {
                self.meets(asked);
            }
            return Err(io::Error::from(io::ErrorKind::ConnectionRefused).into());
        }
        let Some((asked, watches)) = asked else { return Ok(boxed(client.send(request).await?)) };
        let trouble = trouble.filter(|_| self.concerns(&asked));
        if let Some(status) = trouble.and_then(|trouble| self.refusal(trouble, &asked, watches)) {
            if trouble != Some(Trouble::MuteLists) {
                self.meets(&asked);
            }
            return Ok(refused(status));
        }
        let answer = client.send(request).await?;
        if !watches && trouble != Some(Trouble::MuteLists) {
            self.state.lock().unwrap().listed.insert(asked);
            return Ok(boxed(answer));
        }
        let (head, body) = answer.into_parts();
        let changed = self.struck.subscribe();
        let tap = Tap {
            wire: self,
            asked,
            is_list: !watches,
            body,
            rest: BytesMut::new(),
            changed,
            out: VecDeque::new(),
            over: false,
        };
        let body = StreamBody::new(stream::unfold(tap, Tap::next));
        Ok(Response::from_parts(head, UnsyncBoxBody::new(body)))
    }

    fn refusal(&self, trouble: Trouble, asked: &Asked, watches: bool) -> Option<u16> {
        match trouble {
            Trouble::Refused => Some(if asked.is_odd() { 429 } else { 500 }),
            Trouble::Gone if asked.is_odd() => None,
            Trouble::Gone | Trouble::MuteLists if watches && self.is_history_gone(asked) => Some(410),
            _ => None,
        }
    }

    fn is_history_gone(&self, asked: &Asked) -> bool {
        !self.state.lock().unwrap().listed.contains(asked)
    }
}

fn status(code: u16) -> serde_json::Value {
    let reason = match code {
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("a test refused this with {code}")})
}

fn refused(code: u16) -> Answer {
    let answer = Response::builder().status(code).header("Content-Type", "application/json");
    boxed(answer.body(Body::from(status(code).to_string().into_bytes())).unwrap())
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;
type Piece = Result<Frame<Bytes>, BoxError>;

fn boxed(answer: Response<Body>) -> Answer {
    answer.map(|body| UnsyncBoxBody::new(body.map_err(BoxError::from)))
}

/// The body of an answer on its way to the operator, line by line: an event is a line.
struct Tap {
    wire: Arc<Wire>,
    asked: Asked,
    is_list: bool,
    body: Body,
    rest: BytesMut,
    changed: watch::Receiver<Option<Trouble>>,
    out: VecDeque<Result<Bytes, io::Error>>,
    over: bool,
}

impl Tap {
    async fn next(mut self) -> Option<(Piece, Self)> {
        loop {
            if let Some(piece) = self.out.pop_front() {
                return Some((piece.map(Frame::data).map_err(BoxError::from), self));
            }
            if self.over {
                return None;
            }
            let trouble = self.changed.borrow_and_update().filter(|_| self.wire.concerns(&self.asked));
            self.at_once(trouble).await;
            if self.over {
                continue;
            }
            tokio::select! {
                // A closed channel is a test that is over.
                changed = self.changed.changed() => if changed.is_err() { return None },
                line = line(&mut self.body, &mut self.rest) => match line {
                    Some(Ok(line)) => self.on_line(trouble, line),
                    Some(Err(error)) => self.ends_with(Err(error)),
                    None => self.over = true,
                },
            }
        }
    }

    /// What happens to a watch without any event.
    async fn at_once(&mut self, trouble: Option<Trouble>) {
        match trouble {
            Some(Trouble::Mute) => self.falls_silent().await,
            Some(Trouble::MuteLists) if self.is_list => self.falls_silent().await,
            Some(Trouble::CutBetween) => self.over = self.wire.meets(&self.asked),
            Some(Trouble::Refused) => self.over = true,
            Some(Trouble::Away) => self.ends_with(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Trouble::Gone) if self.asked.is_odd() && self.wire.is_history_gone(&self.asked) => {
                let event = json!({"type": "ERROR", "object": status(410)});
                self.ends_with(Ok(format!("{event}\n").into()));
            }
            Some(Trouble::Gone | Trouble::MuteLists) => self.over = self.wire.is_history_gone(&self.asked),
            _ => return,
        }
        if self.over && trouble != Some(Trouble::MuteLists) {
            self.wire.meets(&self.asked);
        }
    }

    async fn falls_silent(&mut self) {
        self.wire.meets(&self.asked);
        std::future::pending::<()>().await;
    }

    fn on_line(&mut self, trouble: Option<Trouble>, line: Bytes) {
        let is_bookmark = line.windows(10).take(40).any(|bytes| bytes == b"\"BOOKMARK\"");
        match trouble {
            Some(Trouble::Deaf) if !is_bookmark => {}
            Some(Trouble::Twice) => self.out.extend([Ok(line.clone()), Ok(line)]),
            Some(Trouble::CutInside) if !is_bookmark && self.wire.meets(&self.asked) => {
                self.out.push_back(Ok(line.slice(..line.len() / 2)));
                self.over = true;
                if self.asked.is_odd() {
                    self.out.push_back(Err(io::ErrorKind::ConnectionReset.into()));
                }
            }
            _ => return self.out.push_back(Ok(line)),
        }
        self.wire.meets(&self.asked);
    }

    fn ends_with(&mut self, piece: Result<Bytes, io::Error>) {
        self.out.push_back(piece);
        self.over = true;
    }
}

/// The next line with its end, or what is left. May be dropped and asked again.
async fn line(body: &mut Body, rest: &mut BytesMut) -> Option<Result<Bytes, io::Error>> {
    loop {
        if let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            return Some(Ok(rest.split_to(end + 1).freeze()));
        }
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    rest.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => return Some(Err(io::Error::other(error))),
            None if rest.is_empty() => return None,
            None => return Some(Ok(rest.split().freeze())),
        }
    }
}
