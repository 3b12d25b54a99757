//! Stands where krafka's tests expect the crate that starts a broker in Docker. Nothing is started: every container is
//! the broker that runs already on the port OTTLA_COMPAT_PORT of 127.0.0.1. Of that crate's interface there is what
//! these tests call, and none of it looks at what an image wants.

use std::{borrow::Cow, env, fmt, time::Duration};

#[derive(Debug)]
pub struct TestcontainersError(String);

impl fmt::Display for TestcontainersError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for TestcontainersError {}

fn broker_port() -> Result<u16, TestcontainersError> {
    let port = env::var("OTTLA_COMPAT_PORT").map_err(|error| TestcontainersError(error.to_string()))?;
    port.parse().map_err(|_| TestcontainersError(format!("{port} is no port")))
}

pub mod core {
    use super::*;

    #[derive(Debug, Clone, Copy)]
    pub enum ContainerPort {
        Tcp(u16),
    }

    impl ContainerPort {
        pub const fn as_u16(self) -> u16 {
            let ContainerPort::Tcp(port) = self;
            port
        }
    }

    pub struct ContainerState;

    impl ContainerState {
        pub fn host_port_ipv4(&self, _: ContainerPort) -> Result<u16, TestcontainersError> {
            broker_port()
        }
    }

    pub struct WaitFor;

    impl WaitFor {
        pub fn message_on_stdout(_: impl AsRef<[u8]>) -> Self {
            WaitFor
        }
    }

    pub struct ExecCommand;

    impl ExecCommand {
        pub fn new(_: impl IntoIterator<Item = impl Into<String>>) -> Self {
            ExecCommand
        }

        pub fn with_container_ready_conditions(self, _: Vec<WaitFor>) -> Self {
            self
        }
    }
}

use self::core::{ContainerPort, ContainerState, ExecCommand, WaitFor};

pub trait Image {
    fn name(&self) -> &str;
    fn tag(&self) -> &str;
    fn ready_conditions(&self) -> Vec<WaitFor>;

    fn entrypoint(&self) -> Option<&str> {
        None
    }

    fn cmd(&self) -> impl IntoIterator<Item = impl Into<Cow<'_, str>>> {
        Vec::<String>::new()
    }

    fn env_vars(&self) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        Vec::<(String, String)>::new()
    }

    fn expose_ports(&self) -> &[ContainerPort] {
        &[]
    }

    fn exec_after_start(&self, _: ContainerState) -> Result<Vec<ExecCommand>, TestcontainersError> {
        Ok(Vec::new())
    }
}

pub trait ImageExt: Image + Sized {
    fn with_labels(self, _: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>) -> Self {
        self
    }

    fn with_startup_timeout(self, _: Duration) -> Self {
        self
    }
}

impl<I: Image> ImageExt for I {}

pub struct ContainerAsync;

impl ContainerAsync {
    pub async fn get_host_port_ipv4(&self, _: ContainerPort) -> Result<u16, TestcontainersError> {
        broker_port()
    }
}

pub mod runners {
    use super::*;

    #[allow(async_fn_in_trait)]
    pub trait AsyncRunner {
        async fn start(self) -> Result<ContainerAsync, TestcontainersError>;
    }

    impl<I: Image> AsyncRunner for I {
        async fn start(self) -> Result<ContainerAsync, TestcontainersError> {
            Ok(ContainerAsync)
        }
    }
}
