use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio::{process::Command, sync::Mutex};

/// A folder of `tests` with the npm packages that its `package-lock.json` names: installed once for a target directory.
pub(crate) async fn installed(name: &str) -> PathBuf {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let _one = ONE_AT_A_TIME.lock().await;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let lock = |folder: &Path| fs::read(folder.join("package-lock.json")).ok();
    let is_there = lock(&home) == lock(&source) && home.join("node_modules/.package-lock.json").exists();
    fs::create_dir_all(&home).unwrap();
    for file in fs::read_dir(source).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), home.join(file.file_name())).unwrap();
    }
    if !is_there {
        let arguments = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
        let npm = Command::new("npm").args(arguments).current_dir(&home).output().await.unwrap();
        assert!(npm.status.success(), "{}", String::from_utf8_lossy(&npm.stderr));
    }
    home
}
