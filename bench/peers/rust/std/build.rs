// Tells the program which compiler's library it measures, and whether it may
// use the part of it that is not stable yet: RUSTC_BOOTSTRAP in the environment.

use std::env;
use std::process::Command;

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let output = Command::new(rustc).arg("--version").output().expect("rustc runs");
    let text = String::from_utf8(output.stdout).expect("a version is text");
    text.split_whitespace().nth(1).expect("rustc VERSION ...").to_string()
}

// It is 1, or a list of the crates that may.
fn may_use_mpmc() -> bool {
    let name = env::var("CARGO_PKG_NAME").expect("cargo sets it");
    let allowed = env::var("RUSTC_BOOTSTRAP").unwrap_or_default();
    allowed == "1" || allowed.split(',').any(|allowed| allowed == name)
}

fn main() {
    println!("cargo:rerun-if-env-changed=RUSTC_BOOTSTRAP");
    println!("cargo:rustc-check-cfg=cfg(mpmc)");
    println!("cargo:rustc-env=RUSTC_VERSION={}", rustc_version());
    if may_use_mpmc() {
        println!("cargo:rustc-cfg=mpmc");
    }
}
