//! examples/ecs: the task definition satisfies ECS's rules for health checks, and its command works
//! in a container.

use serde_json::Value;

use crate::engine::{Container, project};
use crate::examples::build;

// The limits are from the ECS API reference, HealthCheck.
#[test]
fn the_health_check_of_a_task_definition() {
    let text = std::fs::read_to_string(project().join("examples/ecs/task-definition.json")).unwrap();
    let task: Value = serde_json::from_str(&text).unwrap();
    let app = &task["containerDefinitions"][0];
    assert_eq!(app["readonlyRootFilesystem"], true);
    assert_eq!(app["linuxParameters"]["capabilities"]["drop"][0], "ALL");
    let check = &app["healthCheck"];
    let words: Vec<&str> =
        check["command"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
    assert_eq!(words[0], "CMD");
    for (key, min, max) in
        [("interval", 5, 300), ("timeout", 2, 60), ("retries", 1, 10), ("startPeriod", 0, 300)]
    {
        let value = check[key].as_u64().unwrap();
        assert!((min..=max).contains(&value), "{key}: {value}");
    }
    let own = words.iter().skip_while(|word| **word != "--timeout").nth(1).unwrap();
    let own: u64 = own.strip_suffix('s').unwrap().parse().unwrap();
    assert!(own < check["timeout"].as_u64().unwrap());
    let Some(image) = build("static", &[]) else { return };
    let container = Container::run(&image, &["--user", app["user"].as_str().unwrap()]);
    container.until_listening(8080);
    assert_eq!(container.exec(&words[1..]).0, Some(0));
    container.exec(&["/porthole", "http", ":8080/break", "-X", "POST"]);
    assert_eq!(container.exec(&words[1..]).0, Some(1));
}
