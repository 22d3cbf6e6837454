// Receivers behind HTTP: a Slack incoming webhook, any webhook, Alertmanager's API v2.
#include "alerts/sink.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <array>

#include <nlohmann/json.hpp>

#include "alerts/compose.h"
#include "alerts/template/template.h"

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

}  // namespace stswatch
