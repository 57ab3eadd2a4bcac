//! Scenario files on the disk.

use crate::scenario::Files;

/// Reads files from the disk, relative paths from the working directory.
pub(super) struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(path).map_err(|error| error.to_string())
    }
}
