// One Slack message for one problem, against a server that behaves as Slack documents its Web API: 200 also
// for what it will not do, "ok": false with a word, a message known by channel and ts.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "alerts/delivery.h"
#include "alerts/sink.h"
#include "tests/alerts/dispatcher_world.h"
#include "tests/alerts/listener.h"

using namespace stswatch;
using namespace stswatch::alerts;
using Json = nlohmann::json;
using Kind = SendResult::Kind;

namespace {

class Slack {
 public:
  Slack() {
    listener.answer = [this](const httplib::Request& r) { return answer(r).dump(); };
  }

  Listener listener;
  std::string error;                     // what it says to everything
  std::map<std::string, Json> messages;  // by ts: what the channel shows
  std::vector<std::string> calls;
  std::vector<Json> replies;

  std::unique_ptr<Sink> sink() const {
    SlackReceiver receiver{.name = "chat", .api_url_file = "", .channel = "#mail"};
    receiver.bot_token_file = token_.path;
    receiver.api_url = listener.url("/api/");
    return make_slack_bot_sink(receiver, {"", "1.2.3", [] { return kStart; }});
  }

 private:
  Json answer(const httplib::Request& r) {
    calls.push_back(r.path.substr(r.path.rfind('/') + 1));
    if (r.get_header_value("Authorization") != "Bearer xoxb-hush")
      return {{"ok", false}, {"error", "invalid_auth"}};
    if (!r.get_header_value("Content-Type").starts_with("application/json"))
      return {{"ok", false}, {"error", "invalid_form_data"}};
    if (!error.empty()) return {{"ok", false}, {"error", error}};
    const auto body = Json::parse(r.body);
    if (r.path == "/api/chat.update") {
      if (body.at("channel") != "C024BE91L") return {{"ok", false}, {"error", "channel_not_found"}};
      const auto ts = body.at("ts").get<std::string>();
      if (!messages.contains(ts)) return {{"ok", false}, {"error", "message_not_found"}};
      messages[ts] = body;
      return {{"ok", true}, {"channel", "C024BE91L"}, {"ts", ts}, {"text", body.at("text")}};
    }
    const auto ts = "1503435956.00024" + std::to_string(++posted_);
    if (body.contains("thread_ts")) {
      if (!messages.contains(body["thread_ts"])) return {{"ok", false}, {"error", "thread_not_found"}};
      replies.push_back(body);
    } else if (body.at("channel") != "#mail") {
      return {{"ok", false}, {"error", "channel_not_found"}};
    } else {
      messages[ts] = body;
    }
    return {{"ok", true}, {"channel", "C024BE91L"}, {"ts", ts}, {"message", body}};
  }

  const File token_{"xoxb-hush\n"};
  int posted_ = 0;
};

Notice any_notice() {
  Notice out;
  out.title = "x";
  return out;
}

/// The dispatcher's notices go through the sink.
struct Channel {
  Slack slack;
  std::unique_ptr<Sink> sink = slack.sink();
  World world{{{"chat", {}}}};

  SendResult deliver() {
    SendResult last;
    world.now += 31s;
    world.dispatcher->turn(world.now);
    while (const auto out = world.dispatcher->take("chat", world.now)) {
      last = sink->send(out->pending.notice, out->before ? &*out->before : nullptr, {});
      world.dispatcher->settle(out->pending, last.kind, world.now, last.handle);
      if (last.kind != Kind::sent) break;
    }
    return last;
  }
  std::string shown() const {
    std::string out;
    for (const auto& [_, message] : slack.messages)
      out += (out.empty() ? "" : "\n") + message.at("text").get<std::string>();
    return out;
  }
};

}  // namespace

TEST_CASE("a problem is one message from its beginning to its end, also across a restart") {
  Channel c;
  break_mail(c.world);
  CHECK(c.deliver().kind == Kind::sent);
  CHECK(c.slack.calls == std::vector<std::string>{"chat.postMessage"});
  CHECK(c.shown().starts_with("[PAGE] "));
  c.world.restart();
  mend_mail(c.world);
  CHECK(c.deliver().kind == Kind::sent);
  CHECK(c.slack.calls == std::vector<std::string>{"chat.postMessage", "chat.update"});
  CHECK(c.shown().starts_with("[RESOLVED] "));
  CHECK(c.slack.messages.size() == 1);
  break_mail(c.world);
  CHECK(c.deliver().kind == Kind::sent);
  CHECK(c.slack.messages.size() == 2);
}

TEST_CASE("what gets worse changes the message and is told besides, in its thread and in the channel") {
  Channel c;
  c.world.open("example.com", "certificate-expired", kHost, Mode::testing);
  REQUIRE(c.deliver().kind == Kind::sent);
  c.world.open("example.com", "enforce-breakage-now");
  REQUIRE(c.deliver().kind == Kind::sent);
  REQUIRE(c.slack.calls == std::vector<std::string>{"chat.postMessage", "chat.update", "chat.postMessage"});
  CHECK(c.shown().find("worse") != std::string::npos);
  CHECK(c.slack.replies.at(0).at("thread_ts") == c.slack.messages.begin()->first);
  CHECK(c.slack.replies.at(0).at("reply_broadcast") == true);
  mend_mail(c.world);
  REQUIRE(c.deliver().kind == Kind::sent);
  CHECK(c.slack.messages.size() == 1);
  CHECK(c.shown().starts_with("[RESOLVED] "));
}

TEST_CASE("a reminder is a reply: the message stays as it is, and is updated later") {
  Channel c;
  break_mail(c.world);
  REQUIRE(c.deliver().kind == Kind::sent);
  const auto before = c.slack.messages;
  c.world.now += 2h;
  REQUIRE(c.deliver().kind == Kind::sent);
  CHECK(c.slack.replies.size() == 1);
  CHECK(c.slack.messages == before);
  mend_mail(c.world);
  REQUIRE(c.deliver().kind == Kind::sent);
  CHECK(c.slack.calls.back() == "chat.update");
}

TEST_CASE("a message that somebody removed is followed by a new one") {
  Channel c;
  break_mail(c.world);
  REQUIRE(c.deliver().kind == Kind::sent);
  c.slack.messages.clear();
  mend_mail(c.world);
  CHECK(c.deliver().kind == Kind::sent);
  CHECK(c.slack.calls == std::vector<std::string>{"chat.postMessage", "chat.update", "chat.postMessage"});
  CHECK(c.shown().starts_with("[RESOLVED] "));
}

TEST_CASE("200 with ok false is a failure, and what it says decides which") {
  Channel c;
  break_mail(c.world);
  struct Row {
    const char* error;
    Kind kind;
    const char* reason;
  };
  for (const auto& [error, kind, reason] :
       {Row{"ratelimited", Kind::failed, "throttled"}, Row{"invalid_auth", Kind::failed, "auth"},
        Row{"channel_not_found", Kind::failed, "config"}, Row{"internal_error", Kind::failed, "server"},
        Row{"invalid_blocks", Kind::refused, "rejected"}}) {
    c.slack.error = error;
    const auto result = c.sink->send(any_notice(), nullptr, {});
    CHECK_MESSAGE(result.kind == kind, error);
    CHECK_MESSAGE(result.reason == reason, error);
    CHECK(result.detail.find(error) != std::string::npos);
    CHECK(result.detail.find("hush") == std::string::npos);
  }
  CHECK(c.deliver().kind == Kind::refused);
  c.slack.error = "";
  c.world.now += 10min;
  CHECK(c.deliver().kind == Kind::sent);  // nothing was lost
  c.slack.listener.answer = [](const auto&) { return "<html>"; };
  CHECK(c.sink->send(any_notice(), nullptr, {}).reason == "server");
  c.slack.listener.status = 429;
  c.slack.listener.headers = {{"Retry-After", "30"}};
  const auto limited = c.sink->send(any_notice(), nullptr, {});
  CHECK(limited.reason == "throttled");
  CHECK(limited.retry_after == 30s);
}
