// Receivers behind HTTP, against a server of our own on loopback: what is sent, and what each answer comes
// to.
#include <doctest/doctest.h>
#include <httplib.h>

#include <fstream>
#include <thread>

#include "alerts/compose.h"
#include "alerts/delivery.h"
#include "alerts/sink.h"
#include "tests/alerts/dispatcher_world.h"
#include "tests/alerts/listener.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Kind = SendResult::Kind;

namespace {

SinkOptions with() {
  return {"", "1.2.3", [] { return kStart; }};
}

}  // namespace

TEST_CASE("HMAC-SHA256 is that of RFC 4231, test case 2") {
  CHECK(hmac_sha256_hex("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST_CASE("a webhook gets the notice, signed over its time and body") {
  Listener listener;
  const File secret("s3cret\n");
  const auto sink = make_webhook_sink({"hook", listener.url("/in?x=1"), secret.path}, with());
  const auto notice = page();
  REQUIRE(sink->send(notice, nullptr, {}).kind == Kind::sent);
  REQUIRE(listener.requests.size() == 1);
  const auto& r = listener.requests[0];
  CHECK(r.method == "POST");
  CHECK(r.path == "/in");
  CHECK(r.body == to_webhook_json(notice));
  CHECK(r.get_header_value("Content-Type") == "application/json");
  CHECK(r.get_header_value("User-Agent") == "stswatch/1.2.3");
  const auto timestamp = r.get_header_value("X-Stswatch-Timestamp");
  CHECK(timestamp == std::to_string(kStart.time_since_epoch().count()));
  CHECK(r.get_header_value("X-Stswatch-Signature") ==
        "sha256=" + hmac_sha256_hex("s3cret", timestamp + "." + r.body));
}

TEST_CASE("what a receiver answers decides whether it was told, and when it is asked again") {
  Listener listener;
  const auto sink = make_webhook_sink({"hook", listener.url("/"), ""}, with());
  const auto notice = page();
  struct Row {
    int status;
    Kind kind;
    const char* reason;
  };
  for (const auto& [status, kind, reason] :
       {Row{200, Kind::sent, ""}, Row{204, Kind::sent, ""}, Row{302, Kind::failed, "config"},
        Row{400, Kind::refused, "rejected"}, Row{401, Kind::failed, "auth"}, Row{403, Kind::failed, "auth"},
        Row{404, Kind::failed, "config"}, Row{413, Kind::refused, "rejected"},
        Row{429, Kind::failed, "throttled"}, Row{500, Kind::failed, "server"},
        Row{503, Kind::failed, "server"}}) {
    listener.status = status;
    const auto result = sink->send(notice, nullptr, {});
    CHECK_MESSAGE(result.kind == kind, status);
    CHECK_MESSAGE(result.reason == reason, status);
    CHECK(result.detail.find('\x1b') == std::string::npos);
  }
  listener.headers = {{"Retry-After", "77"}};
  listener.status = 429;
  CHECK(sink->send(notice, nullptr, {}).retry_after == 77s);
  listener.headers = {{"Location", listener.url("/elsewhere")}};
  listener.status = 307;
  const auto before = listener.requests.size();
  CHECK(sink->send(notice, nullptr, {}).reason == "config");
  CHECK(listener.requests.size() == before + 1);  // nobody went elsewhere
}

TEST_CASE("a secret of a webhook is not told with the answer that repeats it, whatever it is made of") {
  Listener listener;
  listener.status = 400;
  listener.answer = [](const auto&) { return std::string("no * nor hush-hush here"); };
  for (const char* text : {"*", "hush-hush"}) {
    const File secret(std::string(text) + "\n");
    WebhookReceiver hook{.name = "hook", .url = listener.url("/"), .hmac_secret_file = ""};
    hook.secret_files["token"] = secret.path;
    hook.headers["Authorization"] = "Bearer {{ secret.token }}";
    const auto detail = make_webhook_sink(hook, with())->send(page(), nullptr, {}).detail;
    CHECK(detail.find("no ") != std::string::npos);
    CHECK((detail.find("hush-hush") == detail.npos) == (std::string_view(text) == "hush-hush"));
    CHECK(detail.find("***") != std::string::npos);
  }
}

TEST_CASE("a secret of a webhook is not told in another spelling, nor cut in two, nor that of its address") {
  Listener listener;
  listener.status = 400;
  const File token("pa%24s:wo/rd\n"), address(listener.url("/in/hush%2dhush?key=ses%61me") + "\n");
  WebhookReceiver hook{.name = "hook", .url = "", .hmac_secret_file = ""};
  hook.url_file = address.path;
  hook.secret_files["token"] = token.path;
  hook.headers["Authorization"] = "Bearer {{ secret.token }}";
  const auto sink = make_webhook_sink(hook, with());
  const auto told = [&](const std::string& answer) {
    listener.answer = [&](const auto&) { return answer; };
    return sink->send(page(), nullptr, {}).detail;
  };
  CHECK(told("no pa$s:wo/rd, pa%24s:wo/rd, pa%24s%3Awo%2Frd") == "HTTP 400: no ***, ***, ***");
  CHECK(told("/in/hush-hush?key=sesame") == "HTTP 400: /in/***?key=***");
  CHECK(told(std::string(110, '.') + "pa$s:wo/rd").find("pa$s") == std::string::npos);  // cut at 120

  const auto by_login = listener.url("/").replace(7, 0, "user:pa%24sword@");
  listener.answer = [](const auto&) { return std::string("user with pa$sword, pa%24sword"); };
  CHECK(make_alertmanager_sink({"am", by_login}, with())->send(page(), nullptr, {}).detail ==
        "HTTP 400: user with ***, ***");
}

TEST_CASE("a receiver that is not there is a failure at once; what was asked to stop stops") {
  std::string gone;
  {
    const Listener listener;
    gone = listener.url("/");
  }
  const auto refused = request({.url = gone, .body = "x"}, {});
  CHECK(refused.kind == Kind::failed);
  CHECK(refused.reason == "connect");
  CHECK(request({.url = "ftp://127.0.0.1/", .body = "x"}, {}).reason == "config");
  CHECK(request({.url = "file:///etc/passwd"}, {}).reason == "config");
  Listener listener;
  std::stop_source stop;
  stop.request_stop();
  CHECK(request({.url = listener.url("/"), .body = "x"}, stop.get_token()).kind != Kind::sent);
}

TEST_CASE("a peer that takes the notice and never answers leaves it in doubt") {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(::listen(fd, 1) == 0);
  REQUIRE(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const auto url = "http://127.0.0.1:" + std::to_string(ntohs(at.sin_port)) + "/";
  const auto result = request({.url = url, .body = "x", .patience = 1s}, {});
  ::close(fd);
  CHECK(result.kind == Kind::doubtful);
  CHECK(result.reason == "timeout");
}

TEST_CASE("secrets come from their files at each use and are never told") {
  Listener listener;
  const File url(listener.url("/services/T0/B0/hushhush") + "\n");
  const auto sink = make_slack_sink({"chat", url.path, "#mail"}, with());
  CHECK(sink->send(page(), nullptr, {}).kind == Kind::sent);
  CHECK(listener.requests.at(0).path == "/services/T0/B0/hushhush");
  CHECK(listener.requests.at(0).body == to_slack_json(page(), "#mail"));
  listener.status = 500;
  CHECK(sink->send(page(), nullptr, {}).detail.find("hushhush") == std::string::npos);
  std::ofstream(url.path) << "http://127.0.0.1:1/hushhush";
  CHECK(sink->send(page(), nullptr, {}).detail.find("hushhush") == std::string::npos);
  const auto missing = make_slack_sink({"chat", "/nonexistent/file", ""}, with())->send(page(), nullptr, {});
  CHECK(missing.reason == "config");
  CHECK(missing.detail == "/nonexistent/file cannot be read");
  for (const auto* bad : {"", "\n", "a\x01"})
    CHECK_FALSE(read_secret(File(bad).path));
  CHECK(*read_secret(File("one\r\ntwo").path) == "one");
}

TEST_CASE("a file that holds no URL is not sent to, and neither it nor a host from such a file is told") {
  for (const char* wrong :
       {"xoxb-hushhush", "hushhush", "https:///hushhush", "http://127.0.0.1:99999/hushhush"}) {
    CAPTURE(wrong);
    const File file(std::string(wrong) + "\n");
    WebhookReceiver hook{.name = "hook", .url = "", .hmac_secret_file = ""};
    hook.url_file = file.path;
    for (const auto& sink :
         {make_slack_sink({"chat", file.path, "#mail"}, with()), make_webhook_sink(hook, with())}) {
      const auto result = sink->send(page(), nullptr, {});
      CHECK(result.reason == "config");
      CHECK(result.detail.starts_with(file.path + " holds what "));
      CHECK(result.detail.find("hushhush") == std::string::npos);
    }
  }
  const File file("http://hushhush.localhost:1/\n");  // RFC 6761 section 6.3: loopback, and nobody listens
  WebhookReceiver hook{.name = "hook", .url = "", .hmac_secret_file = ""};
  hook.url_file = file.path;
  for (const auto& sink :
       {make_slack_sink({"chat", file.path, "#mail"}, with()), make_webhook_sink(hook, with())}) {
    const auto result = sink->send(page(), nullptr, {});
    CHECK(result.kind != Kind::sent);
    CHECK(result.detail.find("hushhush") == std::string::npos);
  }
}

TEST_CASE("Alertmanager is told again of what fires, and that the alert under other labels is over") {
  Listener listener;
  const auto sink = make_alertmanager_sink({"am", listener.url("/")}, with());
  auto before = page();
  before.severity = Severity::warning;
  before.route = Route::ticket;
  const auto notice = page();
  CHECK(sink->send(notice, &before, {}).kind == Kind::sent);
  CHECK(listener.requests.at(0).path == "/api/v2/alerts");
  CHECK(listener.requests.at(0).body.find("\"severity\":\"warning\"") != std::string::npos);
  CHECK(sink->send(notice, &notice, {}).kind == Kind::sent);
  CHECK(listener.requests.at(1).body == to_alertmanager_json({notice}, kStart + 5min));
  const auto page_of_code =
      "\"runbook_url\":\"https://sts.example.net/runbook/" + std::string(notice.lead_code()) + "\"";
  CHECK(listener.requests.at(1).body.find(page_of_code) != std::string::npos);
  CHECK(sink->refresh_every() == 60s);
  CHECK(sink->refresh({notice}, {}).kind == Kind::sent);
  CHECK(listener.requests.at(2).body == listener.requests.at(1).body);
}

TEST_CASE("a heartbeat beats at its interval, and only while the agent is well") {
  Listener listener;
  TimePoint now = kStart;
  bool well = true;
  auto options = with();
  options.now = [&] { return now; };
  HeartbeatPing ping({"beat", listener.url("/ping"), 60s}, options, [&] { return well; });
  const auto pass = [&](Seconds span) {
    for (const auto end = now + span; now < end; now += 10s)
      ping.step({});
  };
  pass(120s);
  CHECK(listener.requests.size() == 2);
  CHECK(listener.requests.at(0).method == "GET");
  well = false;
  pass(600s);
  CHECK(listener.requests.size() == 2);
  well = true;
  pass(60s);
  CHECK(listener.requests.size() == 3);
}
