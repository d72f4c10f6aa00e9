//! An in-memory GitLab for tests and the demo.
