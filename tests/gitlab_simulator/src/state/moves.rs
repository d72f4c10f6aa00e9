//! Changes of full paths: what redirects, what no longer does.

use super::State;

/// The suffix that marking for deletion appends to name and path.
pub fn deletion_suffix(id: u64) -> String {
    format!("-deletion_scheduled-{id}")
}

impl State {
    /// Makes a change that may rename or move groups, users or projects. The old path of every project whose full
    /// path changes redirects from now on; a path that is taken again redirects no longer.
    pub fn change_paths(&mut self, change: impl FnOnce(&mut Self)) {
        let before = self.all_project_paths();
        change(self);
        for (id, old) in before {
            let now = self.projects.get(&id).map(|project| self.project_full_path(project).to_lowercase());
            if now.is_some_and(|now| now != old) {
                self.moved_paths.insert(old, id);
            }
        }
        for (_, path) in self.all_project_paths() {
            self.moved_paths.remove(&path);
        }
    }

    fn all_project_paths(&self) -> Vec<(u64, String)> {
        let lower = |project| self.project_full_path(project).to_lowercase();
        self.projects.values().map(|project| (project.id, lower(project))).collect()
    }

    /// Is a full path taken by a group, a project or a user's namespace? `except` names a group or project that may have it.
    pub fn path_is_taken(&self, full_path: &str, except_group: Option<u64>, except_project: Option<u64>) -> bool {
        let group = self.group_by_path(full_path).is_some_and(|group| Some(group.id) != except_group);
        let project = self.project_by_path(full_path).is_some_and(|project| Some(project.id) != except_project);
        group || project || self.users.by_username(full_path).is_some()
    }
}
