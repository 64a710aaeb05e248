//! Makes client and server of the gRPC services of the example `tonic`. A project with a .proto file makes them, and
//! the messages, with tonic-prost-build and protoc; this way there is nothing to install.

use tonic_build::manual::{Builder, Method, Service};

fn main() {
    let hello = || {
        Method::builder()
            .name("hello")
            .route_name("Hello")
            .input_type("crate::Nothing")
            .output_type("crate::Greeting")
            .codec_path("tonic_prost::ProstCodec")
            .build()
    };
    let service = |name: &str| Service::builder().name(name).package("hello").method(hello()).build();
    Builder::new().compile(&[service("Greeter"), service("Admin")]);
    println!("cargo::rerun-if-changed=build.rs");
}
