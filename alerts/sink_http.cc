// Receivers behind HTTP: a Slack incoming webhook, any webhook, Alertmanager's API v2.
#include "alerts/sink.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "alerts/template/template.h"
#include "checks/facts/result.h"

namespace stswatch {

std::string hmac_sha256_hex(std::string_view secret, std::string_view message) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(message.data()), message.size(), digest.data(), &size);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[digest[i] >> 4U];
    out += kHex[digest[i] & 15U];
  }
  return out;
}

namespace {

SendResult config(std::string what) { return {SendResult::Kind::failed, "config", std::move(what)}; }

HttpRequest post(const SinkOptions& with, std::string url, std::string body) {
  HttpRequest out{
      .url = std::move(url), .headers = {"Content-Type: application/json"}, .body = std::move(body)};
  out.ca_file = with.ca_file;
  out.user_agent = "stswatch/" + with.version;
  out.show = with.show;
  return out;
}

class SlackSink : public Sink {
 public:
  SlackSink(SlackReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)), with_(std::move(with)) {}

  SendResult send(const Notice& notice, const Notice*, const std::stop_token& stop) override {
    const auto url = with_.secret_url(receiver_.api_url_file);
    if (!url) return config(url.error());
    auto what = post(with_, *url, to_slack_json(notice, receiver_.channel));
    what.secrets.add_secret_url(*url);
    return request(what, stop);
  }

 private:
  const SlackReceiver receiver_;
  const SinkOptions with_;
};

class WebhookSink : public Sink {
 public:
  WebhookSink(WebhookReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)),
        with_(std::move(with)),
        template_(RequestTemplate::parse(receiver_)) {}

  SendResult send(const Notice& notice, const Notice*, const std::stop_token& stop) override {
    if (!template_) return config("the template of " + template_.error().front().key + " is not valid");
    auto values = template_values(notice);
    Secrets secrets;
    for (const auto& [name, file] : receiver_.secret_files) {
      const auto secret = with_.secret(file);
      if (!secret) return config(secret.error());
      secrets.add(*secret);
      values["secret"][name] = *secret;
    }
    auto made = template_->render(values);
    if (!made) return config(made.error());
    if (!receiver_.url_file.empty()) {
      const auto url = with_.secret_url(receiver_.url_file);
      if (!url) return config(url.error());
      made->url = *url;
      secrets.add_secret_url(*url);
    }
    auto what = post(with_, made->url, made->body ? std::move(*made->body) : to_webhook_json(notice));
    what.headers = std::move(made->headers);
    what.put = receiver_.method == WebhookMethod::put;
    const auto timestamp = std::to_string(with_.now().time_since_epoch().count());
    what.headers.push_back("X-Stswatch-Timestamp: " + timestamp);
    if (!receiver_.hmac_secret_file.empty()) {
      const auto secret = with_.secret(receiver_.hmac_secret_file);
      if (!secret) return config(secret.error());
      what.headers.push_back("X-Stswatch-Signature: sha256=" +
                             (with_.show ? *secret : hmac_sha256_hex(*secret, timestamp + '.' + *what.body)));
    }
    what.secrets = std::move(secrets);
    return request(what, stop);
  }

 private:
  const WebhookReceiver receiver_;
  const SinkOptions with_;
  const tl::expected<RequestTemplate, std::vector<TemplateComplaint>> template_;
};

/// Alertmanager holds an alert to be over at its endsAt: what fires is posted again, well before that.
class AlertmanagerSink : public Sink {
 public:
  static constexpr Seconds kRefresh{60}, kAhead{5 * 60};

  AlertmanagerSink(AlertmanagerReceiver receiver, SinkOptions with)
      : receiver_(std::move(receiver)), with_(std::move(with)) {}

  SendResult send(const Notice& notice, const Notice* before, const std::stop_token& stop) override {
    std::vector<Notice> alerts{notice};
    // What got better ends together with what is left of it.
    if (before != nullptr && notice.firing()) {
      Notice over = *before;
      over.kind = NoticeKind::resolved;
      over.at = with_.now();
      over.alert.levels = ended(*before, notice);
      if (!over.alert.levels.empty()) alerts.push_back(std::move(over));
    }
    return put(alerts, stop);
  }
  std::optional<Seconds> refresh_every() const override { return kRefresh; }
  SendResult refresh(const std::vector<Notice>& firing, const std::stop_token& stop) override {
    return put(firing, stop);
  }

 private:
  SendResult put(const std::vector<Notice>& alerts, const std::stop_token& stop) {
    auto url = receiver_.url;
    while (url.ends_with('/'))
      url.pop_back();
    return request(post(with_, url + "/api/v2/alerts", to_alertmanager_json(alerts, with_.now() + kAhead)),
                   stop);
  }

  const AlertmanagerReceiver receiver_;
  const SinkOptions with_;
};

}  // namespace

SendResult Sink::send_digest(const Digest&, const std::stop_token&) {
  return {SendResult::Kind::failed, "config", "this kind of receiver takes no digest"};
}

SendResult Sink::refresh(const std::vector<Notice>&, const std::stop_token&) {
  return {SendResult::Kind::sent, "", ""};
}

std::unique_ptr<Sink> make_slack_sink(const SlackReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<SlackSink>(receiver, with);
}
std::unique_ptr<Sink> make_webhook_sink(const WebhookReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<WebhookSink>(receiver, with);
}
std::unique_ptr<Sink> make_alertmanager_sink(const AlertmanagerReceiver& receiver, const SinkOptions& with) {
  return std::make_unique<AlertmanagerSink>(receiver, with);
}

std::vector<Receiver> make_receivers(const AlertOptions& options, const SinkOptions& with) {
  std::vector<Receiver> out;
  const auto add = [&](const std::string& name, Severity min_severity, const Wanted& wanted,
                       std::unique_ptr<Sink> sink) {
    TellingRules rules;
    rules.min_severity = min_severity;
    rules.wanted = wanted;
    rules.send_resolved = options.send_resolved;
    rules.group_wait = options.group_wait;
    rules.repeat_page = options.repeat_page;
    rules.repeat_ticket = options.repeat_ticket;
    out.push_back(Receiver{ReceiverRules{name, rules}, std::move(sink)});
  };
  for (const auto& r : options.emails) {
    add(r.name, r.min_severity, r.wanted, make_email_sink(r, with));
    out.back().digest = r.digest;
  }
  for (const auto& r : options.slacks)
    add(r.name, r.min_severity, r.wanted,
        r.bot_token_file.empty() ? make_slack_sink(r, with) : make_slack_bot_sink(r, with));
  for (const auto& r : options.webhooks)
    add(r.name, r.min_severity, r.wanted, make_webhook_sink(r, with));
  for (const auto& r : options.alertmanagers) {
    add(r.name, Severity::warning, r.wanted, make_alertmanager_sink(r, with));
    // It reminds by its own routes, and an alert that nobody ends would fire for ever.
    out.back().rules.rules.reminders = false;
    out.back().rules.rules.send_resolved = true;
  }
  return out;
}

// Slack by its Web API: one message for one problem, updated as it changes, so that a channel shows what is
// and not what was. What must wake somebody, who would not notice an edit, comes as a reply besides.

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
