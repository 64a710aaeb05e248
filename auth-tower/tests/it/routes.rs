//! The compiler misses a handler without a route. Endpoints it does not: they are public, so that nobody has to use one.

use std::{collections::BTreeSet, fs, path::Path};

use auth_tower::Endpoint;

fn read(folder: &Path, code: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, code);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            code.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn each_endpoint_that_is_written_down_is_served() {
    let mut code = String::new();
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/endpoint")), &mut code);
    let written = ["Address::new(", "Address::of_one("].into_iter().flat_map(|call| code.split(call).skip(1));
    let written: Vec<_> = written.filter_map(|rest| rest.split('"').nth(1)).collect();
    assert_eq!(written.len(), code.matches("Self(&Address").count());
    assert!(written.len() > 20);
    for path in &written {
        let asked =
            path.replace("{id}", "0198c5d2-0000-7000-8000-000000000001").replace("{provider}", "google");
        assert_eq!(
            Endpoint::at(&asked).map(Endpoint::path),
            Some(*path),
            "in no list of a room, or its room in none"
        );
    }
    assert_eq!(written.iter().collect::<BTreeSet<_>>().len(), written.len());
}
