//! Effective membership: direct, inherited from groups above, through invited groups.

use jiff::Timestamp;

use super::level;
use crate::state::State;
use crate::state::members::{Member, Share, Source};
use crate::state::projects::Project;
use crate::state::tokens::today;

/// One way by which a user is a member, with the level that it gives.
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    /// The membership at its start.
    pub member: &'a Member,
    /// What it gives here; an invitation caps it.
    pub access_level: u8,
    /// Does the way lead through an invited group?
    pub invited: bool,
}

impl State {
    /// Direct members of a group or project, in the order of membership. Expired ones are gone.
    pub fn direct_members(&self, source: Source, now: Timestamp) -> impl Iterator<Item = &Member> {
        let day = today(now);
        self.members
            .values()
            .filter(move |member| member.source == source && member.expires_at.is_none_or(|end| end > day))
    }

    /// Every way into a group.
    pub fn paths_into_group(&self, id: u64, now: Timestamp) -> Vec<Path<'_>> {
        let mut paths = Vec::new();
        for group in self.group_and_ancestors(id) {
            for member in self.direct_members(Source::Group(group.id), now) {
                paths.push(Path { member, access_level: member.access_level, invited: false });
            }
            self.add_shares(&group.shares, now, &mut paths);
        }
        paths
    }

    /// Every way into a project, direct membership first. Minimal Access of a group gives nothing here.
    pub fn paths_into_project(&self, project: &Project, now: Timestamp) -> Vec<Path<'_>> {
        let direct = self.direct_members(Source::Project(project.id), now);
        let mut paths: Vec<_> =
            direct.map(|member| Path { member, access_level: member.access_level, invited: false }).collect();
        if let Some(group) = self.project_ancestors(project).first() {
            paths.extend(self.paths_into_group(*group, now));
        }
        self.add_shares(&project.shares, now, &mut paths);
        paths.retain(|path| path.access_level > level::MINIMAL);
        paths
    }

    fn add_shares<'a>(&'a self, shares: &[Share], now: Timestamp, paths: &mut Vec<Path<'a>>) {
        let day = today(now);
        for share in shares.iter().filter(|share| share.expires_at.is_none_or(|end| end > day)) {
            for group in self.group_and_ancestors(share.group_id) {
                for member in self.direct_members(Source::Group(group.id), now) {
                    let access_level = member.access_level.min(share.access_level);
                    paths.push(Path { member, access_level, invited: true });
                }
            }
        }
    }

    /// The user's effective level in a project: the highest over all ways; 0 when not a member.
    pub fn level_in_project(&self, user: u64, project: &Project, now: Timestamp) -> u8 {
        highest(&self.paths_into_project(project, now), user)
    }

    /// The user's effective level in a group.
    pub fn level_in_group(&self, user: u64, group: u64, now: Timestamp) -> u8 {
        highest(&self.paths_into_group(group, now), user)
    }
}

fn highest(paths: &[Path<'_>], user: u64) -> u8 {
    let levels = paths.iter().filter(|path| path.member.user_id == user).map(|path| path.access_level);
    levels.max().unwrap_or(level::NONE)
}
