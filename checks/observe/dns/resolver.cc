#include "checks/observe/dns/resolver.h"

#include <poll.h>
#include <chrono>
#include <utility>

#include "checks/observe/dns/channel.h"
#include "checks/observe/dns/message.h"
#include "checks/observe/dns/servers.h"
#include "checks/observe/dns/thread.h"

namespace stswatch {
namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
// The DNS thread's own time-out names the silent server: a busy machine must not let ours come first.
constexpr Millis kGrace{2000};
// A second question for an AAAA that was lost on the way is answered as fast as the A was.
constexpr Millis kSecondTry{1000};

class CaresResolver final : public Resolver {
 public:
  CaresResolver(std::unique_ptr<dns::Thread> thread, Millis one_try, Millis longest)
      : thread_(std::move(thread)), one_try_(one_try), longest_(longest) {}

  std::vector<DnsAnswer> ask(const std::vector<DnsQuestion>& questions, const Deadline& deadline) override {
    if (questions.empty()) return {};
    const Deadline end = deadline.within(longest_);
    const auto batch = std::make_shared<dns::Batch>(questions);
    if (!batch->done().valid())
      return batch->collect({Stage::dns, Cause::exhausted, "no file descriptor is left"});
    thread_->submit(batch);  // from here on the resolver may go: the batch holds all that is needed
    const auto began = std::chrono::steady_clock::now();
    auto done = end.within(one_try_ + kSecondTry).wait(batch->done().fd(), POLLIN, Stage::dns);
    // Some resolvers and middleboxes drop all AAAA questions (RFC 4074 §4.1): that must not eat the look.
    if (!done && !end.passed() && !batch->only_aaaa_beside_a_left()) {
      done = end.wait(batch->done().fd(), POLLIN, Stage::dns);
      if (!done && done.error().cause == Cause::timeout)
        done.error().detail =
            "no answer within " +
            span_words(std::chrono::round<Millis>(std::chrono::steady_clock::now() - began));
    }
    return batch->collect(done ? Failure{} : done.error());
  }

 private:
  std::unique_ptr<dns::Thread> thread_;
  Millis one_try_, longest_;
};

tl::expected<std::vector<dns::Server>, std::string> choose_servers(const std::vector<std::string>& texts) {
  if (texts.empty()) return dns::read_resolv_conf(kResolvConf);
  std::vector<dns::Server> servers;
  for (const std::string& text : texts) {
    auto server = dns::parse_server(text);
    if (!server) return tl::unexpected(server.error());
    servers.push_back(*server);
  }
  return servers;
}

}  // namespace

tl::expected<std::unique_ptr<Resolver>, std::string> make_resolver(const DnsOptions& options) {
  if (options.tries < 1)
    return tl::unexpected("dns.tries is " + std::to_string(options.tries) + "; at least 1");
  // Beyond, c-ares' int of milliseconds and the sum over all tries could overflow.
  if (options.timeout < Millis{1} || options.timeout > std::chrono::hours{1} || options.tries > 100)
    return tl::unexpected(
        std::string("dns.timeout must lie between 1 ms and 1 h, dns.tries between 1 and 100"));
  const auto servers = choose_servers(options.servers);
  if (!servers) return tl::unexpected(servers.error());
  auto thread = dns::Thread::start(*servers, options);
  if (!thread) return tl::unexpected(thread.error());
  return std::make_unique<CaresResolver>(std::move(*thread), options.timeout,
                                         options.timeout * options.tries + kGrace);
}

}  // namespace stswatch
