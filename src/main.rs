//! The `tidelag` program. All it does is in the library.

fn main() -> std::process::ExitCode {
    tidelag::cli::main()
}
