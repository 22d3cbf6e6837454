// The watch at work on an injected clock: how often it looks, fetches and probes. The domain's servers are
// on loopback.
#include <doctest/doctest.h>
#include <spdlog/spdlog.h>

#include <atomic>

#include "agent/watch/service.h"
#include "tests/agent/manual_clock.h"
#include "tests/observe/observer_peer.h"
#include "tests/observe/observer_pki.h"
#include "tests/observe/table_resolver.h"

using namespace stswatch;
using namespace std::chrono_literals;
using dialogue::kNow;
using dialogue::Peer;
using dialogue::Pki;
using dialogue::ScriptedServer;

namespace {

const Domain kName = *Domain::parse("watched.example");

void serve_policy(Peer& peer, SSL_CTX* context) {
  const std::string policy =
      "version: STSv1\r\nmode: enforce\r\nmx: mx.watched.example\r\nmax_age: 604800\r\n";
  if (!peer.start_tls(context)) return;
  while (!peer.hear().empty()) {
  }
  peer.say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: " +
           std::to_string(policy.size()) + "\r\n\r\n" + policy);
  peer.close_notify();
}

void take_mail(Peer& peer, SSL_CTX* context) {
  peer.ask("220 mx.watched.example ESMTP\r\n");
  peer.ask("250-mx.watched.example\r\n250 STARTTLS\r\n");
  peer.say("220 go ahead\r\n");
  if (!peer.start_tls(context)) return;
  peer.hear();
  peer.say("221 bye\r\n");
  peer.close_notify();
}

/// One domain, its policy host and its MX host, all of them well and none with an AAAA record.
class Watched {
 public:
  explicit Watched(
      void (*alter)(TableResolver&) = [](TableResolver&) {}, int others = 0) {
    auto table = std::make_unique<TableResolver>();
    table->txt("_mta-sts.watched.example", {"v=STSv1; id=1;"});
    table->txt("_smtp._tls.watched.example", {"v=TLSRPTv1; rua=mailto:a@reports.example"});
    table->mx("watched.example", "mx.watched.example");
    table->mx("reports.example", "mx.watched.example");
    table->addresses("mta-sts.watched.example", RecordType::a, {"127.0.0.1"});
    table->addresses("mx.watched.example", RecordType::a, {"127.0.0.1"});
    alter(*table);
    asked_ = table.get();
    Config config;
    config.domains = {{kName, {}, {}, 100}};
    for (int n = 0; n < others; ++n)
      config.domains.push_back({*Domain::parse("d" + std::to_string(n) + ".example"), {}, {}, 100});
    config.schedule.second_probe = Seconds{0};  // the usual looks alone are counted
    ObserveOptions options;
    options.allow_private = config.network.allow_private = true;
    options.smtp.port = config.network.smtp_port = mail_.port();
    options.https.port = config.network.https_port = web_.port();
    Probes probes;
    probes.trust = Pki::get().shared_trust();
    probes.address_limiter = std::make_shared<AddressLimiter>();
    probes.observer = std::make_unique<Observer>(*table, probes.trust, options, probes.address_limiter);
    probes.vantage = std::make_shared<VantageWatch>(false, true);
    probes.canaries =
        std::make_unique<Canaries>(std::vector<std::string>{}, *probes.observer, *probes.vantage);
    probes.resolver = std::move(table);
    service_ = std::make_unique<Service>(
        std::make_shared<const LiveConfig>(std::move(config), std::move(probes)), *memory_, clock_);
    if (others > 0) share();
  }

  /// From then on its clock shows another time.
  void set_clock(TimePoint now) { clock_.set(now); }
  void run(Seconds span) {
    service_->start();
    go_on(span);
  }
  void go_on(Seconds span) {
    const TimePoint end = clock_.now() + span;
    while (clock_.now() < end || !idle())
      if (!idle() || !clock_.leap(end)) clock_.glance();
  }
  void stop() {
    service_->stop();
    fetches = web_.stop().size();
    probes = mail_.stop().size();
    looks = looks_so_far();
  }
  /// While no look is under way.
  std::size_t looks_so_far() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        asked_->batches, [](const auto& batch) { return batch.front() == "_mta-sts.watched.example"; }));
  }
  /// As a look at one of its MX hosts leaves it, which asks for no names.
  void is_judged_again() {
    auto record = std::make_shared<DomainMemory>(*this->record());
    auto known = std::make_shared<DomainObservation>(*record->known);
    known->at = clock_.now();
    record->known = record->confirmed = known;
    memory_->remember(std::move(record), nullptr, {});
  }
  /// Another process with the memory of this one.
  void restart() {
    const auto plan = service_->plan();
    const bool shared = plan->config.domains.size() > 1;
    service_.reset();
    clock_.forget_waits();
    service_ = std::make_unique<Service>(plan, *memory_, clock_);
    if (shared) share();
    service_->start();
  }

  /// The others that are configured are not ours.
  void share() {
    service_->share([](const std::string& domain) { return domain == kName.str(); });
  }
  /// Another agent of the fleet has looked at the MX host, and what it saw has come into our memory.
  void another_sees() {
    const auto before = memory_->mx("mx.watched.example");
    REQUIRE(before != nullptr);
    auto seen = std::make_shared<MxMemory>(*before);
    auto look = std::make_shared<MxHostObservation>(*before->known);
    look->at = clock_.now();
    seen->known = seen->confirmed = look;
    note_look(seen->times, clock_.now(), true);
    memory_->remember(std::move(seen), nullptr);
  }
  void ask_to_look() { CHECK(service_->look_now(kName) == Service::Looking::at_it); }

  std::shared_ptr<const DomainMemory> record() const { return memory_->domain(kName); }
  std::atomic<bool> serves{true};
  std::size_t looks = 0, fetches = 0, probes = 0;  // after stop()

 private:
  /// Nobody looks, and nothing is due.
  bool idle() const {
    const auto s = service_->snapshot();
    if (s.workers_busy > 0 || s.domains.empty() || s.mx.empty()) return false;
    return std::ranges::all_of(s.kinds, [](const auto& k) { return k.late == 0s; });
  }

  Pki::Context web_context_ = Pki::get().server("mta-sts.watched.example");
  Pki::Context mail_context_ = Pki::get().server("mx.watched.example");
  ScriptedServer web_{[this](Peer& peer) {
    if (serves) serve_policy(peer, web_context_.get());
  }};
  ScriptedServer mail_{[this](Peer& peer) { take_mail(peer, mail_context_.get()); }};
  ManualClock clock_{kNow};
  std::unique_ptr<Memory> memory_ = make_ram_memory();
  const TableResolver* asked_ = nullptr;
  std::unique_ptr<Service> service_;
};

}  // namespace

TEST_CASE("a healthy domain costs one look, a fetch an address and a probe an address at first") {
  struct Row {
    const char* why;
    void (*alter)(TableResolver&);
    std::size_t fetches;
  };
  const Row rows[] = {
      {"IPv4 only", [](TableResolver&) {}, 1},
      {"and without TLSRPT",
       [](TableResolver& t) {
         t.table.erase({"_smtp._tls.watched.example", RecordType::txt});
       },
       1},
      {"without MTA-STS",
       [](TableResolver& t) {
         t.table.erase({"_mta-sts.watched.example", RecordType::txt});
         t.table.erase({"mta-sts.watched.example", RecordType::a});
       },
       0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.why);
    Watched w(row.alter);
    w.run(1min);
    w.stop();
    CHECK(w.looks == 1);
    CHECK(w.fetches == row.fetches);
    CHECK(w.probes == 1);
    REQUIRE(w.record() != nullptr);
    CHECK(w.record()->verdict.status != Status::unknown);
    CHECK(w.record()->verdict.mx.at(0).usable == true);
  }
}

TEST_CASE("where something may have turned bad, the looks that settle it come in the first minutes") {
  Watched w([](TableResolver& t) { t.table.erase({"mta-sts.watched.example", RecordType::a}); });
  w.run(2min);
  w.stop();
  CHECK(w.looks == 3);
  CHECK(w.probes == 1);
}

TEST_CASE("the first policy that is seen sends nobody to the MX hosts once more") {
  Watched w;
  w.serves = false;
  w.run(10s);
  w.serves = true;
  w.go_on(5min);
  w.stop();
  CHECK(w.record()->verdict.policy.outcome == Outcome::ok);
  CHECK(w.fetches > 1);
  CHECK(w.probes == 1);
}

TEST_CASE(
    "a certificate that is bad by our date alone accuses nobody until somebody could have told the time") {
  Watched w;
  w.set_clock(kNow + 24h * 3650);
  const auto accused = [&] {
    const auto record = w.record();
    REQUIRE(record != nullptr);
    return std::ranges::count(record->verdict.findings, "certificate-expired", &Finding::code);
  };
  w.run(30s);
  CHECK(accused() == 0);
  CHECK_FALSE(w.record()->verdict.mx.at(0).usable.has_value());
  w.go_on(3min);
  CHECK(accused() == 1);
  w.stop();
}

TEST_CASE("a host that another agent of the fleet has just seen is not disturbed again") {
  struct Row {
    const char* why;
    bool fleet, seen, asked;
    std::size_t probes;
  };
  // Half an hour before the second look is due another agent may see the host; the looks of two hours follow.
  for (const Row& row :
       {Row{"alone", false, true, false, 3}, Row{"nobody else looked", true, false, false, 3},
        Row{"another did", true, true, false, 2}, Row{"asked for", true, true, true, 3}}) {
    CAPTURE(row.why);
    Watched w;
    if (row.fleet) w.share();
    w.run(30min);
    if (row.seen) w.another_sees();
    if (row.asked) w.ask_to_look();
    w.go_on(103min);  // an interval is an hour, a tenth more or less
    w.stop();
    CHECK(w.probes == row.probes);
    CHECK(w.record()->verdict.mx.at(0).usable == true);
  }
}

TEST_CASE(
    "after a restart one of many domains is looked at when it would have been without, one of few at once") {
  Watched many([](TableResolver&) {}, 15'000), one;
  for (auto* w : {&many, &one}) {
    w->run(10s);
    CHECK(w->looks_so_far() == 1);
    w->go_on(90s);
    w->is_judged_again();
    w->restart();
    w->go_on(100s);
  }
  CHECK(many.looks_so_far() == 1);
  CHECK(one.looks_so_far() == 2);
  many.go_on(110s);  // 300 s after the look, and not after the judgement
  CHECK(many.looks_so_far() == 2);
  many.stop();
  one.stop();
}
