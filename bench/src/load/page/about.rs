//! What was measured, on what, and how to do it again; and what the figures do not say.

use super::compare::core;
use super::look::{letter, many, versioned};
use super::number::{date, duration, number};
use super::table::wide;
use crate::load::result::Run;
use maud::{Markup, html};

/// Commands, systems, machines.
pub(super) fn sections(runs: &[Run]) -> Markup {
    html! {
        section aria-labelledby="again" {
            h2 #again { "The same again" }
            p { "With the same versions, on the same machine, this does the same again." }
            @for (index, run) in runs.iter().enumerate() {
                @if runs.len() > 1 { h3 { "Run " (letter(index)) } }
                pre tabindex="0" { code { (run.command) } }
            }
            (machines(runs))
        }
        section aria-labelledby="systems" {
            h2 #systems { "Systems and their settings" }
            @for (index, run) in runs.iter().enumerate() {
                @if runs.len() > 1 { h3 { "Run " (letter(index)) } }
                @for system in &run.systems {
                    details open[system.settings.lines().count() <= 2] {
                        summary {
                            strong { (versioned(system)) }
                            @if system.external { " (runs elsewhere: its CPU and memory are not known)" }
                        }
                        @if let Some(why) = &system.absent { p { span.bad { "Absent: " } (why) } }
                        @if system.settings.is_empty() { p { "No settings are told." } } @else { pre tabindex="0" { code { (system.settings) } } }
                    }
                }
            }
        }
    }
}

fn machines(runs: &[Run]) -> Markup {
    let load = |load: [f64; 3]| load.map(|load| format!("{load:.2}")).join(" ");
    let rows: Vec<(&str, Vec<String>)> = vec![
        ("Begun", runs.iter().map(|run| date(run.started_unix_s)).collect()),
        ("Took", runs.iter().map(|run| duration(run.took_s)).collect()),
        ("Seed", runs.iter().map(|run| run.seed.to_string()).collect()),
        ("Harness", runs.iter().map(|run| format!("colloquy-bench {}, schema {}", run.harness, run.schema)).collect()),
        ("Processor", runs.iter().map(|run| run.machine.cpu_model.clone()).collect()),
        ("Cores", runs.iter().map(|run| run.machine.cores.to_string()).collect()),
        (
            "Memory",
            runs.iter().map(|run| format!("{} MB", number((run.machine.memory_kb as f64 / 1e3).round()))).collect(),
        ),
        ("System", runs.iter().map(|run| run.machine.system.clone()).collect()),
        ("Kernel", runs.iter().map(|run| run.machine.kernel.clone()).collect()),
        ("Load average before (1, 5, 15 min)", runs.iter().map(|run| load(run.machine.load_before)).collect()),
        ("Load average after", runs.iter().map(|run| load(run.machine.load_after)).collect()),
        ("The servers’ core", runs.iter().map(|run| core(run.machine.server_core)).collect()),
        ("The clients’ first core", runs.iter().map(|run| core(run.machine.load_core)).collect()),
        (
            "Before other work of their cores",
            runs.iter().map(|run| if run.machine.first { "yes (SCHED_FIFO)" } else { "no" }.to_owned()).collect(),
        ),
    ];
    wide(
        "Machine and run",
        &html! {
            table.machine {
                caption { "Machine and run." }
                @if runs.len() > 1 { thead { tr { td {} @for index in 0..runs.len() { th.word scope="col" { "Run " (letter(index)) } } } } }
                tbody { @for (name, values) in &rows { tr { th scope="row" { (name) } @for value in values { td.word { (value) } } } } }
            }
        },
    )
}

/// How to read it, and what it does not say.
pub(super) fn reading(runs: &[Run]) -> Markup {
    let measurements =
        runs.iter().flat_map(|run| &run.scenarios).flat_map(|s| &s.outcomes).map(|o| o.repeats.len()).sum();
    html! {
        section aria-labelledby="reading" {
            h2 #reading { "How to read this page" }
            dl {
                dt { "CPU a packet" }
                dd { "CPU time of all threads of the server, kernel and user, divided by the packets that viewers received." }
                dt { "Floor" }
                dd { "What the same packets cost with nothing but the work that cannot be left out: one packet opened (SRTP), and for each receiver a copy, a seal and a send, with segmentation offload where several packets for one receiver are due at once. Measured on the same core right after each measurement." }
                dt { "Added latency" }
                dd { "From the moment that a packet was to be sent by its publisher to the moment that the kernel had it for the viewer. A late client makes it longer, never shorter: nothing is left out because somebody was waiting. Retransmissions are not in it. p99 is what 99 in 100 packets stay under." }
                dt { "Repeats" }
                dd { "Systems take turns, so that what the machine does meanwhile meets all of them. Tables show the median, and the smallest and the largest below it (" (many(measurements, "measurement")) " in all)." }
                dt { "Valid" }
                dd { "The clients kept up: no busy thread, no late or left-out frame, no datagram dropped at their sockets. What the server does badly is valid." }
                dt { "Knee" }
                dd { "The largest load at which loss, latency and joins stayed within the scenario’s limits (" code { "[keep]" } " in its file)." }
            }
        }
        section aria-labelledby="not-measured" {
            h2 #not-measured { "What is not measured" }
            ul {
                li { "A real network: clients and servers talk over the loopback of one machine. Drivers, interrupts and cards cost more or less elsewhere; a send on the loopback carries the packet to the receiver’s socket, and that is in the cost of server and floor alike." }
                li { "More cores than the server was given, more than one machine, and what happens over hours." }
                li { "Browsers: clients open, count and judge packets, but decode no picture. What people see is not known from here." }
                li { "Memory that the kernel holds for sockets. Memory is the proportional set size of the server’s processes." }
                li { "System calls are counted in a second of its own after the time under load, as counting slows a server down." }
                li { "The machine’s other work, clock frequency and temperature; load averages are a hint of them." }
                li { "Features that a server has beside forwarding, and quality at settings other than those told above." }
            }
        }
    }
}
