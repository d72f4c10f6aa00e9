//! What the two servers say of who did what and when.

use control_plane::DatedWrite;
use gl_k8s_integrator::leadership::LEASE;
use jiff::{SignedDuration, Timestamp};

use crate::{
    bed::{Bench, eventually},
    operator::Operator,
};

/// Something that an operator did, by the time of the server that was asked.
#[derive(Clone, Debug)]
pub struct Deed {
    #[allow(dead_code, reason = "for the messages of failed tests, which print all of it")]
    pub what: String,
    pub received: Timestamp,
    pub answered: Timestamp,
}

/// All that one operator did.
pub struct Record {
    pub name: &'static str,
    /// Its writes of the Lease that took effect.
    pub lease: Vec<Deed>,
    /// Its writes of the Lease that came too late.
    pub conflicts: usize,
    /// Its other writes to the API server and all its calls to GitLab, in their order.
    pub work: Vec<Deed>,
}

impl Record {
    /// What is in the records now. Answers that were given a moment ago may be missing.
    pub fn of(bench: &Bench, operator: &Operator) -> Self {
        let writes = bench.campus.control_plane.writes_with_token(&operator.program.token).unwrap();
        let (lease, others): (Vec<_>, Vec<_>) = writes.into_iter().partition(|dated| dated.write.resource == "leases");
        let calls = operator.gitlab.calls().into_iter().map(|call| Deed {
            what: format!("{} {}", call.method, call.path),
            received: call.received,
            answered: call.answered,
        });
        let mut work: Vec<_> = others.iter().map(deed).chain(calls).collect();
        work.sort_by_key(|deed| deed.received);
        let conflicts = lease.iter().filter(|dated| dated.write.status == 409).count();
        let done = lease.iter().filter(|dated| (200..300).contains(&dated.write.status));
        assert!(lease.iter().all(|dated| dated.write.name == LEASE || dated.write.verb == "create"));
        Self { name: operator.name, lease: done.map(deed).collect(), conflicts, work }
    }

    /// The same as soon as the operator holds the Lease.
    pub async fn as_holder(bench: &Bench, operator: &Operator) -> Self {
        eventually(&format!("{} stands in the record of the Lease", operator.name), async || {
            let record = Self::of(bench, operator);
            if record.lease.is_empty() { Err(operator.program.log()) } else { Ok(record) }
        })
        .await
    }

    /// When it wrote itself into the Lease for the first time.
    pub fn took_over(&self) -> &Deed {
        self.lease.first().unwrap_or_else(|| panic!("{} never held the lease", self.name))
    }

    /// Its last write of the Lease.
    pub fn last_renewal(&self) -> &Deed {
        self.lease.last().unwrap_or_else(|| panic!("{} never held the lease", self.name))
    }

    /// From its first deed to the end of its last one.
    fn worked(&self) -> (Timestamp, Timestamp) {
        let first = self.work.first().unwrap_or_else(|| panic!("{} did nothing", self.name));
        (first.received, self.work.iter().map(|deed| deed.answered).max().unwrap())
    }
}

fn deed(dated: &DatedWrite) -> Deed {
    let write = &dated.write;
    let what = format!("{} {} {}/{}: {}", write.verb, write.resource, write.namespace, write.name, write.status);
    Deed { what, received: dated.received, answered: dated.answered }
}

/// Each of these, in this order, worked after the one before had ended its work, and no earlier than it held the Lease.
pub fn one_after_the_other(records: &[Record]) {
    for record in records {
        let (began, _) = record.worked();
        assert!(began >= record.took_over().received, "{} worked before it led: {:#?}", record.name, record.work[0]);
    }
    for pair in records.windows(2) {
        let ((_, ended), (began, _)) = (pair[0].worked(), pair[1].worked());
        let late: Vec<_> = pair[0].work.iter().filter(|deed| deed.answered > began).collect();
        assert!(ended <= began, "{} worked while {} did: {late:#?}", pair[0].name, pair[1].name);
    }
}

/// How much later one thing was answered than another one.
pub fn gap(earlier: &Deed, later: &Deed) -> SignedDuration {
    later.answered.duration_since(earlier.answered)
}
