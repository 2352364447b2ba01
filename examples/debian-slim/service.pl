# A small HTTP service, in Perl, which every Debian has. GET /healthz reports its health. POST /break
# and POST /heal only serve to demonstrate a failing health check.
use strict;
use warnings;
use IO::Socket::INET;

my $healthy = 1;

# For the first process of a container, SIGTERM has no default action.
$SIG{TERM} = sub { exit 0 };
$SIG{PIPE} = 'IGNORE';

sub answer {
    my ($request) = @_;
    return ('200 OK', 'hello') if $request eq 'GET /';
    return $healthy ? ('200 OK', 'ok') : ('503 Service Unavailable', 'db: no connection') if $request eq 'GET /healthz';
    return ('404 Not Found', 'not found') unless $request =~ m{^POST /(break|heal)$};
    $healthy = $1 eq 'heal';
    return ('200 OK', 'done');
}

my $listener = IO::Socket::INET->new(LocalPort => 8080, Listen => 128, ReuseAddr => 1) or die "service: $@\n";
while (my $connection = $listener->accept) {
    my ($method, $path) = split / /, <$connection> // '';
    while (my $line = <$connection>) { last if $line eq "\r\n" }
    my ($status, $body) = answer(join ' ', $method // '', $path // '');
    print $connection "HTTP/1.1 $status\r\nContent-Length: ", 1 + length $body, "\r\nConnection: close\r\n\r\n$body\n";
    close $connection;
}
