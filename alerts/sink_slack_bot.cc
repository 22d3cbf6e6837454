// Slack by its Web API: one message for one problem, updated as it changes, so that a channel shows what is
// and not what was. What must wake somebody, who would not notice an edit, comes as a reply besides.
#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "alerts/sink.h"
#include "checks/facts/result.h"

namespace stswatch {
namespace {

using AnswerJson = nlohmann::json;
using Kind = SendResult::Kind;

template <std::size_t N>
bool is_one_of(const std::string& word, const std::array<std::string_view, N>& words) {
  return std::ranges::find(words, word) != words.end();
}

/// The message is gone, or nobody may change it any more: it takes a new one.
bool is_lost(const std::string& error) {
  constexpr std::array<std::string_view, 5> kLost = {"message_not_found", "cant_update_message",
                                                     "edit_window_closed", "channel_not_found",
                                                     "thread_not_found"};
  return is_one_of(error, kLost);
}

/// Slack answers 200 to what it will not do; the word in "error" says why.
SendResult judged(const std::string& error, const Secrets& secrets) {
  constexpr std::array<std::string_view, 9> kAuth = {
      "invalid_auth",  "not_authed",    "token_revoked",     "token_expired",         "account_inactive",
      "missing_scope", "no_permission", "ekm_access_denied", "not_allowed_token_type"};
  constexpr std::array<std::string_view, 4> kConfig = {"channel_not_found", "not_in_channel", "is_archived",
                                                       "team_access_not_granted"};
  constexpr std::array<std::string_view, 5> kServer = {"internal_error", "fatal_error", "service_unavailable",
                                                       "request_timeout", "team_added_to_org"};
  const auto words = "Slack: " + printable(secrets.hide(error), 80) +
                     (error == "not_in_channel"  ? " (invite the bot: /invite @NAME)"
                      : error == "missing_scope" ? " (the bot needs chat:write)"
                                                 : "");
  if (error == "ratelimited" || error == "rate_limited") return {Kind::failed, "throttled", words};
  if (is_one_of(error, kAuth)) return {Kind::failed, "auth", words};
  if (is_one_of(error, kConfig)) return {Kind::failed, "config", words};
  if (is_one_of(error, kServer)) return {Kind::failed, "server", words};
  return {Kind::refused, "rejected", words};
}

/// Where a message is: Slack's own id of the channel, and its time there.
struct Place {
  std::string channel, ts;

  std::string handle() const { return channel + ' ' + ts; }
  static std::optional<Place> of(const std::string& handle) {
    const auto space = handle.find(' ');
    if (space == handle.npos) return std::nullopt;
    return Place{handle.substr(0, space), handle.substr(space + 1)};
  }
};

class SlackBotSink : public Sink {
 public:
  SlackBotSink(SlackReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)), with_(std::move(with)) {}

  SendResult send(const Notice& notice, const Notice* before, const std::stop_token& stop) override {
    const auto message = AnswerJson::parse(to_slack_json(notice, ""), nullptr, false);
    const auto place = before != nullptr ? Place::of(before->handle) : std::nullopt;
    if (!place) return call("chat.postMessage", message, {{"channel", receiver_.channel}}, stop).result;
    Answer answer;
    if (notice.kind != NoticeKind::reminder) {
      answer = call("chat.update", message, {{"channel", place->channel}, {"ts", place->ts}}, stop);
      if (is_lost(answer.error))
        return call("chat.postMessage", message, {{"channel", receiver_.channel}}, stop).result;
      if (answer.result.kind != Kind::sent) return answer.result;
    }
    if (notice.kind == NoticeKind::reminder || notice.kind == NoticeKind::worse) {
      answer = call("chat.postMessage", message,
                    {{"channel", place->channel}, {"thread_ts", place->ts}, {"reply_broadcast", true}}, stop);
      if (is_lost(answer.error))
        return call("chat.postMessage", message, {{"channel", receiver_.channel}}, stop).result;
    }
    answer.result.handle = place->handle();
    return answer.result;
  }

 private:
  struct Answer {
    SendResult result;
    std::string error;  // Slack's word
  };

  Answer call(const std::string& method, AnswerJson message, const AnswerJson& where,
              const std::stop_token& stop) {
    const auto token = with_.secret(receiver_.bot_token_file);
    if (!token) return {{Kind::failed, "config", token.error()}, ""};
    message.update(where);
    auto url = receiver_.api_url;
    while (url.ends_with('/'))
      url.pop_back();
    HttpRequest what{
        .url = url + '/' + method,
        .headers = {"Content-Type: application/json; charset=utf-8", "Authorization: Bearer " + *token},
        .body = message.dump(-1, ' ', false, AnswerJson::error_handler_t::replace)};
    what.ca_file = with_.ca_file;
    what.user_agent = "stswatch/" + with_.version;
    what.show = with_.show;
    what.secrets.add(*token);
    std::string text;
    auto result = request(what, stop, &text);
    if (result.kind != Kind::sent) return {std::move(result), ""};
    const auto answer = AnswerJson::parse(text, nullptr, false);
    if (!answer.is_object() || !answer.contains("ok") || !answer["ok"].is_boolean())
      return {{Kind::failed, "server",
               "what answers is not Slack's API: " + printable(what.secrets.hide(text), 80)},
              ""};
    if (!answer["ok"].get<bool>()) {
      const auto error = answer.contains("error") && answer["error"].is_string()
                             ? answer["error"].get<std::string>()
                             : std::string("no reason given");
      return {judged(error, what.secrets), error};
    }
    result.detail.clear();
    const auto word = [&](const char* name) {
      return answer.contains(name) && answer[name].is_string() ? answer[name].get<std::string>()
                                                               : std::string();
    };
    if (const Place place{word("channel"), word("ts")}; !place.channel.empty() && !place.ts.empty())
      result.handle = place.handle();
    return {std::move(result), ""};
  }

  const SlackReceiver receiver_;
  const SinkOptions with_;
};

}  // namespace

std::unique_ptr<Sink> make_slack_bot_sink(const SlackReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<SlackBotSink>(receiver, with);
}

}  // namespace stswatch
