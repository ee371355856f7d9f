//! All that is known of a container, as JSON with docker's names.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::template::Template;
use super::{Outcome, records};
use crate::cli::image::time::rfc3339;
use crate::cli::problem::Problem;
use crate::container::network::Networks;
use crate::container::spec::{Mount, MountKind, Network};
use crate::container::{Container, Records, State};

/// The container of this name or number, if there is one.
pub(in crate::cli) fn find(given: &str) -> Result<Option<Value>, Problem> {
    let records = records()?;
    match records.find(given) {
        Ok(container) => Ok(Some(describe(&records, &container))),
        Err(crate::container::Error::Unknown(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Show it: all of it, or what a format picks.
pub(in crate::cli) fn tell(container: &Value, format: Option<&str>) -> Outcome {
    let text = match format {
        Some(format) => Template::parse(format)?.fill(container)?,
        None => serde_json::to_string_pretty(&json!([container]))
            .map_err(|error| Problem::system("cannot write JSON", error))?,
    };
    writeln!(io::stdout(), "{text}")?;
    Ok(ExitCode::SUCCESS)
}

fn time(milliseconds: Option<u64>) -> String {
    milliseconds.map_or("0001-01-01T00:00:00Z".into(), |time| rfc3339(time / 1000))
}

fn describe(records: &Records, container: &Container) -> Value {
    let created = &container.created;
    let (spec, process) = (&created.spec, &created.spec.process);
    let (program, arguments) =
        process.args.split_first().map_or(("", &[][..]), |(first, rest)| (first, rest));
    let runs = matches!(container.state, State::Running | State::Paused);
    let hostname = if spec.hostname.is_empty() { container.id.short() } else { &spec.hostname };
    json!({
        "Id": container.id,
        "Name": format!("/{}", created.name),
        "Created": time(Some(created.time)),
        "Path": program,
        "Args": arguments,
        "State": {
            "Status": container.state.word(),
            "Running": runs,
            "Paused": container.state == State::Paused,
            "OOMKilled": container.out_of_memory,
            "Pid": container.init.filter(|_| runs).map_or(0, |(init, _)| init.pid),
            "ExitCode": container.exit.map_or(0, |(code, _)| code),
            "StartedAt": time(container.init.map(|(_, time)| time)),
            "FinishedAt": time(container.exit.map(|(_, time)| time)),
        },
        "Image": created.image_id,
        "LogPath": records.logs(&container.id),
        "GraphDriver": { "Name": "overlay", "Data": {
            "UpperDir": records.upper(&container.id),
            "WorkDir": records.work(&container.id),
        } },
        "CgroupDirs": created.group,
        "Mounts": spec.mounts.iter().map(mount).collect::<Vec<_>>(),
        "Config": {
            "Hostname": hostname,
            "User": process.user,
            "Tty": process.terminal,
            "Env": process.env,
            "Cmd": process.args,
            "Image": created.image,
            "WorkingDir": process.cwd,
            "Labels": spec.labels,
            "StopSignal": if spec.stop_signal.is_empty() { "SIGTERM" } else { &spec.stop_signal },
        },
        "HostConfig": {
            "AutoRemove": created.auto_remove,
            "NetworkMode": spec.network.name(),
            "Memory": spec.limits.memory.unwrap_or(0),
            "CpuQuota": spec.limits.cpu_quota.unwrap_or(0),
            "PidsLimit": spec.limits.pids.unwrap_or(0),
            "ReadonlyRootfs": spec.read_only,
            "CapAdd": spec.security.cap_add,
            "CapDrop": spec.security.cap_drop,
            "SecurityOpt": [format!("seccomp={}", json!(spec.security.seccomp).as_str().unwrap_or_default())],
            "Init": process.init,
        },
        "NetworkSettings": networks(records, container),
    })
}

/// Its place on the network that it is on; on none, when it has ended.
fn networks(records: &Records, container: &Container) -> Value {
    let wanted = match &container.created.spec.network {
        Network::Named(wanted) => wanted,
        other => return json!({ "Networks": { other.name(): {} }, "Ports": {} }),
    };
    let network = Networks::open(records.state()).find(&wanted.network).ok();
    let place = network.as_ref().and_then(|network| Some((network, network.member(&container.id)?)));
    let Some((network, member)) = place else {
        return json!({ "Networks": { &wanted.network: { "IPAddress": "" } }, "Ports": {} });
    };
    let mut ports = Map::new();
    for port in &member.ports {
        let of = ports.entry(format!("{}/{}", port.container, port.protocol)).or_insert_with(|| json!([]));
        if let Some(of) = of.as_array_mut() {
            of.push(json!({ "HostIp": port.address, "HostPort": port.host.to_string() }));
        }
    }
    let place = json!({
        "NetworkID": network.id,
        "Gateway": network.gateway().map_or(String::new(), |gateway| gateway.to_string()),
        "IPAddress": member.address,
        "IPPrefixLen": network.subnet.prefix,
        "MacAddress": member.mac().to_string(),
        "Aliases": wanted.aliases,
        "DNSNames": member.names,
    });
    json!({ "Networks": { &network.name: place }, "Ports": ports })
}

fn mount(mount: &Mount) -> Value {
    let (kind, source) = match &mount.kind {
        MountKind::Bind(source) => ("bind", source.display().to_string()),
        MountKind::Tmpfs(_) => ("tmpfs", String::new()),
    };
    json!({ "Type": kind, "Source": source, "Destination": mount.target, "RW": !mount.read_only })
}
