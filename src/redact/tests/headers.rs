//! HTTP headers in command lines.

use super::check;

#[test]
fn headers_of_several_words() {
    check(&[
        &["worker: Authorization: ⟦Bearer S3CR⟧"],
        &["app --header Authorization: ⟦Basic S3CR --x⟧"],
        &["app Cookie: ⟦a=1; sid=S3CR⟧\nnext line"],
        &["--header=Authorization: ⟦Bearer tok⟧"],
        &["app", "--add-header=X-Api-Key: ⟦abcd efgh⟧"],
        &["app", "--opt=password: ⟦abc def⟧", "x"],
        &["app", "--env=TOKEN=⟦abc def⟧", "x"],
        &["curl", "--data=password=⟦a b c⟧", "--data=user=x&password=⟦a b⟧&c=1"],
        &["sh", "-c", "curl -H Authorization:⟦\\ Bearer\\ S3CR⟧"],
        &["sh", "-c", "curl -H \"Authorization:⟦Bearer \\\"a b⟧\" http://h/"],
        &["sh", "-c", "curl '-HX-Api-Key: ⟦a b⟧' \"--header=X-Token: ⟦a 'b⟧\" h"],
        &["sh", "-c", "curl -H 'X-Key: ⟦a'\\''b c'⟧ h"],
        &["sh", "-c", "TOKEN=⟦x⟧ B=y cmd --z; PW=⟦a\\ b⟧ PIN=⟦'a b'c⟧ d"],
        &["sh", "-ec", "java '-Ddb.pw=⟦a b⟧' -jar x"],
        &["bash -lc", "x"],
        &["app", "Data Source=db;Password=⟦a b⟧;User=me"],
        &["app", "user=x&password=⟦a b c⟧"],
        &["docker", "run", "registry/auth:⟦v2⟧", "x: registry/auth:⟦v2⟧ --port 80"],
        &["app", "token:⟦9f8e7d⟧"],
    ]);
}

#[test]
fn headers_in_separate_words() {
    check(&[
        &["curl", "-H", "Authorization:", "⟦Bearer⟧", "⟦X⟧", "http://h/"],
        &["curl", "--header=Authorization:", "⟦Basic⟧", "⟦X⟧", "http://h/"],
        &["app", "Bearer ⟦abcdefgh⟧", "Basic ⟦abcdefgh⟧", "token ⟦abcdefgh⟧", "token refresh"],
        &["app", "Bearer", "⟦X⟧", "Basic", "⟦bWU6cHc=⟧", "x"],
        &["sh", "-c", "app Bearer ⟦X⟧ Basic  ⟦bWU6cHcx⟧ x"],
    ]);
}
