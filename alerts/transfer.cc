#include "alerts/sink.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>

#include "checks/facts/configured.h"
#include "checks/facts/result.h"

namespace stswatch {
namespace {

using Kind = SendResult::Kind;

constexpr long kConnectSeconds = 10;
constexpr std::size_t kMostAnswer = 128 * 1024;  // a line is shown; Slack repeats the message
constexpr std::size_t kMostSecret = 16 * 1024;   // access tokens are long

template <auto Function>
struct With {
  template <class T>
  void operator()(T* p) const {
    Function(p);
  }
};
using Curl = std::unique_ptr<CURL, With<curl_easy_cleanup>>;
using List = std::unique_ptr<curl_slist, With<curl_slist_free_all>>;

List list_of(const std::vector<std::string>& lines) {
  List list;
  for (const auto& line : lines) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) break;
    (void)list.release();
    list.reset(longer);
  }
  return list;
}

Curl new_handle() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  return ready == CURLE_OK ? Curl(curl_easy_init()) : Curl();
}

/// What the callbacks work on.
struct Exchange {
  std::string answer{};
  std::string_view left{};  // to upload
  const std::stop_token* stop = nullptr;
  std::array<char, CURL_ERROR_SIZE> error{};
};

std::size_t take_answer(char* data, std::size_t, std::size_t n, void* user) {
  auto& answer = static_cast<Exchange*>(user)->answer;
  answer.append(data, std::min(n, kMostAnswer - std::min(kMostAnswer, answer.size())));
  return n;
}

std::size_t give_upload(char* into, std::size_t size, std::size_t count, void* user) {
  auto& left = static_cast<Exchange*>(user)->left;
  const auto n = std::min(size * count, left.size());
  std::copy_n(left.data(), n, into);
  left.remove_prefix(n);
  return n;
}

int may_go_on(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(user)->stop->stop_requested() ? 1 : 0;
}

void set_up(CURL* curl, Exchange& exchange, const std::string& ca_file, Seconds patience) {
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange.error.data());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, may_go_on);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &exchange);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);  // a name server that is silent does not hold up the stop
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(patience.count()));
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (ca_file.empty()) return;
  curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
}

std::string words_of(CURLcode code, const Exchange& exchange, const Secrets& secrets) {
  const std::string last_notified = exchange.error.data();
  return printable(secrets.hide(last_notified.empty() ? curl_easy_strerror(code) : last_notified));
}

std::string reason_of(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
      return "dns";
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
      return "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_USE_SSL_FAILED:
      return "tls";
    case CURLE_LOGIN_DENIED:
      return "auth";
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "config";
    default:
      return "connect";
  }
}

long status_of(CURL* curl) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

bool all_was_sent(CURL* curl, std::size_t size) {
  curl_off_t sent = 0;
  curl_easy_getinfo(curl, CURLINFO_SIZE_UPLOAD_T, &sent);
  return size > 0 && sent >= static_cast<curl_off_t>(size);
}

std::optional<Seconds> retry_after(CURL* curl) {
  curl_off_t seconds = 0;
  curl_easy_getinfo(curl, CURLINFO_RETRY_AFTER, &seconds);
  return seconds > 0 ? std::optional(Seconds{seconds}) : std::nullopt;
}

SendResult judged(long status, const std::string& answer, CURL* curl) {
  const auto detail =
      "HTTP " + std::to_string(status) + (answer.empty() ? "" : ": " + printable(answer, 120));
  if (status >= 200 && status < 300) return {Kind::sent, "", detail};
  if (status >= 300 && status < 400)
    return {Kind::failed, "config", "HTTP " + std::to_string(status) + ": redirects are not followed"};
  if (status == 401 || status == 403 || status == 407) return {Kind::failed, "auth", detail};
  if (status == 404 || status == 410) return {Kind::failed, "config", detail};
  if (status == 408 || status == 425 || status == 429)
    return {Kind::failed, "throttled", detail, retry_after(curl)};
  if (status >= 400 && status < 500) return {Kind::refused, "rejected", detail};
  return {Kind::failed, "server", detail, retry_after(curl)};
}

/// With brackets and angle brackets a name could become another URL or a second command.
bool plain_host(std::string_view smarthost) {
  return !smarthost.empty() && std::ranges::all_of(smarthost, [](unsigned char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
}

/// RFC 4954; with a token RFC 7628 or the older form of it that Google and Microsoft brought up.
void log_in(CURL* curl, const MailRequest& what) {
  const auto* mechanism = [&]() -> const char* {
    switch (what.auth) {
      case SmtpAuth::plain:
        return "AUTH=PLAIN";
      case SmtpAuth::login:
        return "AUTH=LOGIN";
      case SmtpAuth::oauthbearer:
        return "AUTH=OAUTHBEARER";
      case SmtpAuth::xoauth2:
        return "AUTH=XOAUTH2";
      default:
        return what.token.empty() ? nullptr : "AUTH=XOAUTH2";
    }
  }();
  curl_easy_setopt(curl, CURLOPT_USERNAME, what.username.c_str());
  if (what.token.empty())
    curl_easy_setopt(curl, CURLOPT_PASSWORD, what.password.c_str());
  else
    curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, what.token.c_str());
  if (mechanism != nullptr) curl_easy_setopt(curl, CURLOPT_LOGIN_OPTIONS, mechanism);
}

std::string login_hint(const MailRequest& what) {
  return what.token.empty()
             ? " (is the password right? Exchange Online ends SMTP AUTH with passwords by the end of "
               "December 2026: give it oauth_token_file)"
             : " (is the token in oauth_token_file still valid, and for this user and SMTP?)";
}

SendResult judged_mail(CURLcode code, CURL* curl, const Exchange& exchange, const MailRequest& what) {
  Secrets secrets;
  secrets.add(what.password);
  secrets.add(what.token);
  const auto words = words_of(code, exchange, secrets);
  const long status = status_of(curl);
  if (code == CURLE_OK) return {Kind::sent, "", ""};
  const bool reply = code == CURLE_SEND_ERROR || code == CURLE_RECV_ERROR || code == CURLE_WEIRD_SERVER_REPLY;
  if (reply && status >= 400 && status < 500) return {Kind::failed, "throttled", words};
  if (reply && status >= 500) return {Kind::refused, "rejected", words};
  const auto reason = reason_of(code);
  const bool cut_off = reason == "timeout" || reason == "connect";
  return {cut_off && all_was_sent(curl, what.message.size()) ? Kind::doubtful : Kind::failed, reason, words};
}

}  // namespace

SendResult request(const HttpRequest& what, const std::stop_token& stop, std::string* answer) {
  if (what.show) {
    what.show(as_shown(what));
    // As Slack's API would say it, so that what comes of the next notice can be shown too.
    if (answer != nullptr) *answer = R"({"ok":true,"channel":"***","ts":"***"})";
    return {Kind::sent, "", ""};
  }
  const Curl curl = new_handle();
  if (!curl) return {Kind::failed, "config", "libcurl does not start"};
  Exchange exchange{.stop = &stop};
  set_up(curl.get(), exchange, what.ca_file, what.patience);
  const List headers = list_of(what.headers);
  curl_easy_setopt(curl.get(), CURLOPT_URL, what.url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, what.user_agent.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  if (what.body) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(what.body->size()));
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, what.body->c_str());
    if (what.put) curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, "PUT");
  }
  const CURLcode code = curl_easy_perform(curl.get());
  auto secrets = what.secrets;
  secrets.add_url(what.url);
  if (code == CURLE_OK) {
    auto result = judged(status_of(curl.get()), secrets.hide(exchange.answer), curl.get());
    if (answer != nullptr) *answer = std::move(exchange.answer);
    return result;
  }
  const auto reason = reason_of(code);
  const bool sent = what.body && all_was_sent(curl.get(), what.body->size());
  const bool cut_off = reason == "timeout" || reason == "connect";
  return {cut_off && sent ? Kind::doubtful : Kind::failed, reason, words_of(code, exchange, secrets)};
}

SendResult submit(const MailRequest& what, const std::stop_token& stop) {
  if (what.show) {
    what.show(as_shown(what));
    return {Kind::sent, "", ""};
  }
  const Curl curl = new_handle();
  if (!curl) return {Kind::failed, "config", "libcurl does not start"};
  if (!plain_host(what.smarthost)) return {Kind::failed, "config", "the smarthost is no \"host:port\""};
  Exchange exchange{.left = what.message, .stop = &stop};
  set_up(curl.get(), exchange, what.ca_file, what.patience);
  const auto at = what.from.rfind('@');
  const auto helo = at == std::string::npos ? std::string("localhost") : what.from.substr(at + 1);
  const auto url = (what.tls == SmtpTls::implicit ? "smtps://" : "smtp://") + what.smarthost + '/' + helo;
  std::vector<std::string> recipients;
  for (const auto& to : what.to)
    recipients.push_back('<' + to + '>');
  const List to = list_of(recipients);
  const std::string from = '<' + what.from + '>';
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl.get(), CURLOPT_USE_SSL,
                   static_cast<long>(what.tls == SmtpTls::starttls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
  if (!what.username.empty()) log_in(curl.get(), what);
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_FROM, from.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT, to.get());
  curl_easy_setopt(curl.get(), CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_READFUNCTION, give_upload);
  curl_easy_setopt(curl.get(), CURLOPT_READDATA, &exchange);
  curl_easy_setopt(curl.get(), CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(what.message.size()));
  const CURLcode code = curl_easy_perform(curl.get());
  auto result = judged_mail(code, curl.get(), exchange, what);
  if (code == CURLE_LOGIN_DENIED) result.detail += login_hint(what);
  return result;
}

tl::expected<std::string, std::string> read_secret(const std::string& file) {
  std::ifstream in(file);
  if (!in) return tl::make_unexpected(file + " cannot be read");
  std::string line(kMostSecret + 1, '\0');
  in.read(line.data(), static_cast<std::streamsize>(line.size()));
  line.resize(static_cast<std::size_t>(in.gcount()));
  if (line.size() > kMostSecret) return tl::make_unexpected(file + " is too long for a secret");
  line.resize(std::min(line.size(), line.find_first_of("\r\n")));
  if (line.empty()) return tl::make_unexpected(file + " is empty");
  if (std::ranges::any_of(line, [](unsigned char c) { return c < ' ' || c == 0x7f; }))
    return tl::make_unexpected(file + " holds control characters");
  return line;
}

tl::expected<std::string, std::string> read_secret_url(const std::string& file) {
  auto url = read_secret(file);
  if (!url) return url;
  if (const auto fault = url_fault(*url); !fault.empty())
    return tl::make_unexpected(file + " holds what " + fault);
  return url;
}

}  // namespace stswatch
