#include "agent/tell/http_server.h"

#include <algorithm>
#include <array>

#include "agent/tell/door/bounds.h"
#include "agent/tell/metrics.h"
#include "checks/facts/text.h"

namespace stswatch {
namespace {

constexpr const char* kUser = "x-stswatch-user";  // from the door to the routes
constexpr const char* kPlainText = "text/plain; charset=utf-8";
thread_local Asked served_now;

/// What httplib is not told: how the request came, which the door has dealt with; ranges, which it
/// multiplies; codings, of which it takes one that is refused for one that is wanted (RFC 9110 §12.5.3); and
/// names that we give a meaning to.
bool hidden(std::string_view name) {
  constexpr std::array kHidden = {"connection", "keep-alive",       "content-length", "transfer-encoding",
                                  "te",         "trailer",          "expect",         "upgrade",
                                  "range",      "if-range",         "http2-settings", "content-encoding",
                                  "host",       "proxy-connection", "authorization",  "accept-encoding",
                                  kUser};
  return std::ranges::any_of(kHidden, [&](const char* each) { return door::same_word(name, each); });
}

/// Several lines of a list are one (RFC 9110 §5.3).
bool takes_gzip(const door::RequestHead& head) {
  std::string all;
  for (const auto& [name, value] : head.headers)
    if (door::same_word(name, "accept-encoding")) all += (all.empty() ? "" : ",") + value;
  return accepts_gzip(all);
}

/// Routes that would have httplib pack the same text for each who asks.
bool packs_itself(std::string_view path) { return path == "/metrics" || path == "/probe"; }

std::string written_down(const door::RequestHead& head, std::size_t length, const std::string& user) {
  std::string out = head.method + " " + head.target + " HTTP/1.1\r\nHost: " + head.host + "\r\n";
  // A report's token may come as a header; elsewhere the door alone has to do with passwords.
  const bool report = door::is_report(head.path());
  for (const auto& [name, value] : head.headers)
    if (!hidden(name) || (report && door::same_word(name, "authorization")))
      out += name + ": " + value + "\r\n";
  if (takes_gzip(head) && !packs_itself(head.path())) out += "Accept-Encoding: gzip\r\n";
  if (!user.empty()) out += std::string(kUser) + ": " + to_base64(user) + "\r\n";  // it may hold anything
  if (head.method == "POST") out += "Content-Length: " + std::to_string(length) + "\r\n";
  return out + (head.keep ? "\r\n" : "Connection: close\r\n\r\n");
}

/// A request that is complete, and room for its answer.
class InMemory : public httplib::Stream {
 public:
  explicit InMemory(door::Request request)
      : head_(written_down(request.head, request.body.size(), request.user)),
        body_(std::move(request.body)),
        address_(request.address.str()) {}

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* into, std::size_t room) override {
    if (at_ == head_.size()) return static_cast<ssize_t>(body_.read(into, room));
    const auto n = std::min(room, head_.size() - at_);
    std::copy_n(head_.data() + at_, n, into);
    at_ += n;
    return static_cast<ssize_t>(n);
  }
  ssize_t write(const char* from, std::size_t size) override {
    constexpr std::size_t kLong = 1U << 20U;  // a body comes as a whole
    if (size > kLong) reserve_at_once(answer_, answer_.size() + size);
    answer_.append(from, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    ip = address_;
    port = 0;
  }
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return INVALID_SOCKET; }

  std::string take_answer() { return std::move(answer_); }

 private:
  const std::string head_;
  std::size_t at_ = 0;
  door::Body body_;
  const std::string address_;
  std::string answer_;
};

}  // namespace

HttpRoutes::HttpRoutes(Gate gate, Own own) : gate_(std::move(gate)), own_(std::move(own)) {
  set_payload_max_length(door::kReport);
  set_pre_routing_handler([this](const auto&, auto& answer) {
    if (const auto gate = gate_())
      for (const auto& [name, value] : gate->now()->config.headers)
        answer.set_header(name, value);
    return HandlerResponse::Unhandled;
  });
  set_post_routing_handler([](const auto& request, auto& answer) {
    answer.headers.erase("Accept-Ranges");
    answer.headers.erase("Keep-Alive");
    // What was refused may have been meant otherwise: nothing after it is taken for a request.
    if (answer.status >= 400 && request.get_header_value("Connection") != "close")
      answer.set_header("Connection", "close");
  });
  set_exception_handler([](const auto&, auto& answer, std::exception_ptr) {
    answer.status = 500;
    answer.set_content("this could not be done\n", kPlainText);
  });
}

door::Answer HttpRoutes::serve(door::Request request) {
  // Reports come from anywhere, under whatever name: their token lets them in.
  if (!door::is_report(request.head.path()))
    if (const auto why = door::foreign(request.head, own_())) return door::plain_answer(403, *why);
  served_now = {request.since, request.more, takes_gzip(request.head)};
  InMemory stream(std::move(request));
  bool closed = false;
  (void)process_request(stream, false, closed, nullptr);
  door::Answer answer{stream.take_answer(), closed};
  if (answer.octets.empty()) return door::plain_answer(400, "this request cannot be served");
  const auto head = std::string_view(answer.octets).substr(0, answer.octets.find("\r\n\r\n"));
  answer.close |= head.find("\r\nConnection: close") != head.npos;
  return answer;
}

const Asked& HttpRoutes::asked() { return served_now; }

Caller caller_of(const httplib::Request& request) {
  return {from_base64(request.get_header_value(kUser)).value_or(""), request.remote_addr};
}

tl::expected<std::map<std::string, std::string>, std::string> fields_of(const httplib::Request& request,
                                                                        const std::vector<std::string>& must,
                                                                        const std::vector<std::string>& may) {
  // What the address holds stays in histories and logs, and a link could bring it along.
  if (request.target.find('?') != request.target.npos)
    return tl::make_unexpected("The fields belong in the body, not in the address.");
  std::map<std::string, std::string> out;
  for (const auto& [name, value] : request.params) {
    if (std::ranges::find(must, name) == must.end() && std::ranges::find(may, name) == may.end())
      return tl::make_unexpected("A field is not known here: " + name.substr(0, 60) + ".");
    if (!out.emplace(name, value).second) return tl::make_unexpected("There are two fields " + name + ".");
  }
  for (const auto& name : must)
    if (!out.contains(name)) return tl::make_unexpected("The field " + name + " is missing.");
  return out;
}

}  // namespace stswatch
