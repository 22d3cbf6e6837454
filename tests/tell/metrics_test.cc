#include "agent/tell/metrics.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "agent/remember/past.h"
#include "agent/version.h"
#include "tests/judge/facts_builder.h"

using namespace stswatch;

namespace {

std::shared_ptr<DomainMemory> record_of(const facts::Look& look, const History& history = kNoHistory) {
  return std::make_shared<DomainMemory>(std::make_shared<DomainObservation>(look.domain),
                                        judge(look.domain, look.mx, look.vantage, look.limits, history));
}

/// The base set-up, one domain that is broken, and one in testing: every family has a sample.
Snapshot sample() {
  Snapshot s;
  s.now = facts::kNow;
  const auto add = [&](const facts::Look& look) {
    const auto past = remember_look({}, look.domain, look.mx, look.vantage, look.limits, look.domain, true);
    auto record = record_of(look, {&past, {}});
    record->past = past;
    record->past.change_counts["mx-added"] = 2;
    for (const auto part : kParts)
      record->times[part] = {facts::kNow, facts::kNow};
    record->policy_last_success = facts::kNow;
    s.domains.push_back(std::move(record));
  };
  auto sound = facts::base();
  sound.domain.fetches[0].sha256 = std::string(64, 'c');
  add(sound);
  auto broken = sound;
  broken.domain.domain = facts::domain("example.net");
  broken.set_policy(facts::policy({"mail.example.net"}));
  broken.domain.fetches[0].sha256 = std::string(64, 'd');
  add(broken);
  auto testing = sound;
  testing.domain.domain = facts::domain("example.org");
  testing.set_policy(facts::policy({facts::kMx1, facts::kMx2}, "testing"));
  testing.domain.fetches[0].sha256 = std::string(64, 'e');
  add(testing);
  s.kinds = {{"domain", Seconds{300}, Seconds{0}, 1},
             {"policy", Seconds{3600}, Seconds{0}, 1},
             {"mx", Seconds{3600}, Seconds{7}, 2}};
  s.workers_busy = 1;
  s.port25_ok = true;
  s.workers_idle = 3;
  s.trust_store_file = "/etc/ssl/certs/ca-certificates.crt";
  s.trust_store_sha256 = "ab";
  s.reload_success_at = facts::kNow;
  s.silences = {{"1", {"example.com", "*", "*", facts::kNow + Seconds{60}, ""}},
                {"2", {"example.net", "mx-*", "*", std::nullopt, ""}},
                {"over", {"example.org", "*", "*", facts::kNow, ""}}};
  s.configured_silences = {{"*.net", "*", "*", std::nullopt, ""}};
  s.labels_of = [](const std::string& domain) {
    static const std::map<std::string, std::string> kLabels{{"cost-centre", "7"}, {"team", "mail"}};
    return domain == "example.net" ? &kLabels : nullptr;
  };
  s.receivers = {{"oncall", {{"new", 1}, {"resolved", 0}}, {{"timeout", 2}}, 1, facts::kNow - Seconds{90}}};
  return s;
}

std::string text_of(const std::vector<prometheus::MetricFamily>& families) {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return out.str();
}

std::string text_of(const Snapshot& s) { return text_of(families_of(s)); }

}  // namespace

TEST_CASE("the whole exposition is the golden one") {
  const std::string path = SOURCE_DIR "/tests/tell/exposition.txt";
  std::ifstream in(path);
  std::ostringstream golden;
  golden << in.rdbuf();
  LookMetrics looks;
  looks.looked(LookKind::mx, LookOutcome::failed, 0.5);
  auto got = text_of(sample()) + text_of(looks.registry()->Collect());
  const std::string revision = std::string("revision=\"") + kRevision + "\"";
  REQUIRE(got.find(revision) != got.npos);
  got.replace(got.find(revision), revision.size(),
              "revision=\"REVISION\"");  // the only word that each commit changes
  if (got != golden.str()) std::ofstream("exposition.got.txt") << got;
  CHECK_MESSAGE(got == golden.str(), "differs from " << path << "; see exposition.got.txt");
}

TEST_CASE("what is written without families is what they would be") {
  auto s = sample();
  s.labels_of = [](const std::string&) {
    static const std::map<std::string, std::string> kLabels{{"note", "a \"b\" \\ c\nd"},
                                                            {"team", "B\xC3\xBCro"}};
    return &kLabels;
  };
  s.store_errors = 100'000;  // OpenMetrics: 1e+05
  s.workers_busy = 100'001;
  auto odd = std::make_shared<DomainMemory>(*s.domains[0]);
  odd->verdict.mx.at(0).host = "m\"x\\";
  odd->verdict.mx.at(1).host = "m\nx\xff";
  s.domains[0] = odd;
  const auto whole = metrics_text(s, TextFormat::prometheus);
  CHECK(whole.find("\nstswatch_mx_info{domain=\"example.com\",mx=\"m\\\"x\\\\\",preference=\"10\"} 1\n") !=
        whole.npos);
  CHECK(whole.find("\nstswatch_mx_outcome{mx=\"m\\\"x\\\\\",address=\"") != whole.npos);
  for (const auto shown : {PerDomain::all, PerDomain::failing, PerDomain::none}) {
    for (const auto states : {StateSets::all, StateSets::current}) {
      s.metrics = {shown, states};
      CHECK(metrics_text(s, TextFormat::prometheus) == text_of(families_of(s)));
      std::ostringstream open;
      write_openmetrics(open, families_of(s));
      CHECK(metrics_text(s, TextFormat::openmetrics) + "# EOF\n" == open.str());
    }
  }
}

TEST_CASE("what was not tried yet is neither good nor bad") {
  Snapshot s;
  for (const auto* name : {"port25", "dns", "starttls"}) {
    CAPTURE(name);
    CHECK(text_of(s).find("stswatch_vantage_" + std::string(name) + "_ok ") == std::string::npos);
  }
}

TEST_CASE("few series where few are wanted, and the sums over all domains in every form") {
  auto s = sample();
  const auto series_of = [](const std::string& text, const std::string& part) {
    std::istringstream lines(text);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);)
      count += line.front() != '#' && line.find(part) != line.npos;
    return count;
  };
  const auto well = s.domains.front()->verdict.domain.str(), failing = s.domains[1]->verdict.domain.str();
  REQUIRE(s.domains.front()->verdict.status == Status::ok);
  REQUIRE(s.domains[1]->verdict.status == Status::critical);
  const std::string of_well = "domain=\"" + well + "\"", of_failing = "domain=\"" + failing + "\"";
  const auto all = text_of(s);
  const auto sums = [&](const std::string& text) {
    CHECK(text.find("stswatch_domains{status=\"critical\"} 1\n") != text.npos);
    CHECK(text.find("stswatch_domains{status=\"unknown\"} 0\n") != text.npos);
    CHECK(text.find("stswatch_domains_with_finding{code=\"enforce-breakage-now\",severity=\"critical\",route="
                    "\"page\"} 1\n") != text.npos);
    CHECK(text.find("stswatch_earliest_breakage_timestamp_seconds ") != text.npos);
    CHECK(text.find("stswatch_vantage_port25_ok 1\n") != text.npos);
  };
  sums(all);
  CHECK(series_of(all, of_well) > 60);

  s.metrics.state_sets = StateSets::current;
  const auto lean = text_of(s);
  sums(lean);
  CHECK(lean.find("stswatch_domain_status{" + of_well + ",status=\"ok\"} 1\n") != lean.npos);
  CHECK(lean.find("stswatch_domain_status{" + of_well + ",status=\"critical\"}") == lean.npos);
  CHECK(lean.find("stswatch_drift_events_total{" + of_well + ",kind=\"mx-added\"} 2\n") != lean.npos);
  CHECK(lean.find("kind=\"mx-removed\"} 0") == lean.npos);
  CHECK(series_of(lean, of_well) < 45);

  s.metrics.per_domain = PerDomain::failing;
  const auto some = text_of(s);
  sums(some);
  CHECK(series_of(some, of_well) == 0);
  CHECK(series_of(some, of_failing) == series_of(lean, of_failing));

  s.metrics.per_domain = PerDomain::none;
  const auto none = text_of(s);
  sums(none);
  CHECK(series_of(none, "domain=") == 0);
  CHECK(series_of(none, "mx=") == 0);
}

TEST_CASE("TLS reports: born at 0 where they are taken, absent where nobody asked for any") {
  auto s = sample();
  CHECK(text_of(s).find("tlsrpt_sessions") == std::string::npos);
  s.reports.taking = true;
  const auto name = s.domains.front()->verdict.domain.str();
  CHECK(text_of(s).find("stswatch_tlsrpt_sessions_total{domain=\"" + name +
                        "\",policy_type=\"sts\",result=\"failed\"} 0") != std::string::npos);
  auto& figures = s.reports.domains[name];
  figures.sessions["tlsa"] = {7, 3};
  figures.failures[{"tlsa", "tlsa-invalid", "Google"}] = 3;
  figures.last_report = facts::kNow;
  s.reports.domains["elsewhere.example"].sessions["sts"] = {1, 1};
  s.reports.fates[reports::Fate::duplicate] = 2;
  const auto text = text_of(s);
  for (const std::string line :
       {"policy_type=\"sts\",result=\"successful\"} 0", "policy_type=\"tlsa\",result=\"successful\"} 7",
        "result_type=\"tlsa-invalid\",organization=\"Google\"} 3",
        "stswatch_tlsrpt_reports_total{outcome=\"duplicate\"} 2", "stswatch_tlsrpt_intake_ok 1"})
    CHECK_MESSAGE(text.find(line) != std::string::npos, line);
  CHECK(text.find("elsewhere") == std::string::npos);
}

TEST_CASE("TLS reports: that none can be taken in is 0 while it is so, and nothing where none are") {
  auto s = sample();
  s.own.emplace_back().finding.code = "agent-reports-failing";
  CHECK(text_of(s).find("stswatch_tlsrpt_intake_ok ") == std::string::npos);
  s.reports.taking = true;
  CHECK(text_of(s).find("stswatch_tlsrpt_intake_ok 0\n") != std::string::npos);
  s.own.front().closed = facts::kNow;
  CHECK(text_of(s).find("stswatch_tlsrpt_intake_ok 1\n") != std::string::npos);
}

TEST_CASE(
    "what the network named cannot spoil the exposition: plain text of bounded length, no series twice") {
  const std::string nasty = "a\"b\\c\nd\xff" + std::string(5000, 'x');
  auto look = facts::base();
  look.set_record({"v=STSv1; id=" + nasty + ";"});
  look.domain.mx = facts::mx({{10, nasty}, {20, nasty}, {10, std::string(facts::kMx1)}});
  Snapshot s;
  s.now = facts::kNow;
  s.domains.push_back(record_of(look));
  std::istringstream lines(text_of(s));
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(line.substr(0, 200));
    CHECK(line.size() < 3000);
    CHECK(std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c < '\x7f'; }));
    CHECK(seen.insert(line.substr(0, line.rfind(' '))).second);
  }
  CHECK(seen.size() > 50);
}

TEST_CASE("what was never seen is an absent series, not 0") {
  auto look = facts::base();
  look.domain.mx = facts::unknown<MxAnswer>("example.com");
  look.mx.clear();
  Snapshot s;
  s.domains.push_back(record_of(look));
  const auto text = text_of(s);
  CHECK(text.find("stswatch_outcome{domain=\"example.com\",what=\"mx\",outcome=\"unknown\"} 1") !=
        std::string::npos);
  CHECK(text.find("stswatch_mx_hosts{") == std::string::npos);
  CHECK(text.find("stswatch_enforce_usable_mx{") == std::string::npos);
}

TEST_CASE("a policy that is gone keeps its max_age: senders keep the policy that long") {
  auto look = facts::base();
  look.no_policy_host();
  Snapshot s;
  auto record = record_of(look);
  s.domains = {record};
  CHECK(text_of(s).find("stswatch_policy_max_age_seconds{") == std::string::npos);
  SeenPolicy seen;
  seen.policy.max_age = 604800;
  record->past.policies = {seen};
  CHECK(text_of(s).find("stswatch_policy_max_age_seconds{domain=\"example.com\"} 604800\n") !=
        std::string::npos);
}

TEST_CASE("a bucket's threshold is a float in OpenMetrics") {
  LookMetrics looks;
  std::ostringstream out;
  write_openmetrics(out, looks.registry()->Collect());
  CHECK(out.str().find("stswatch_look_duration_seconds_bucket{kind=\"mx\",le=\"1.0\"} 0") !=
        std::string::npos);
  CHECK(out.str().find("le=\"0.03\"} 0") != std::string::npos);
  CHECK(out.str().find("le=\"+Inf\"} 0") != std::string::npos);
}

TEST_CASE("OpenMetrics ends with EOF, names counters and infos without their suffix, escapes labels") {
  std::vector<prometheus::MetricFamily> families(3);
  families[0] = {"a_total", "Help \"quoted\"", prometheus::MetricType::Counter, {}};
  families[0].metric.resize(1);
  families[0].metric[0].label = {{"x", "a\"b\\c\nd"}};
  families[0].metric[0].counter.value = 3;
  families[1] = {"b", "B", prometheus::MetricType::Gauge, {}};
  families[1].metric.resize(1);
  families[1].metric[0].gauge.value = std::numeric_limits<double>::infinity();
  families[2] = {"c_info", "C", prometheus::MetricType::Gauge, {}};
  families[2].metric.resize(1);
  families[2].metric[0].gauge.value = 1;
  std::ostringstream out;
  write_openmetrics(out, families);
  CHECK(out.str() ==
        "# TYPE a counter\n# HELP a Help \\\"quoted\\\"\na_total{x=\"a\\\"b\\\\c\\nd\"} 3\n"
        "# TYPE b gauge\n# HELP b B\nb +Inf\n# TYPE c info\n# HELP c C\nc_info 1\n# EOF\n");
}

TEST_CASE("look counters are born at 0 with every label set") {
  LookMetrics looks;
  looks.looked(LookKind::mx, LookOutcome::failed, 0.5);
  const auto text = text_of(looks.registry()->Collect());
  CHECK(text.find("stswatch_looks_total{kind=\"mx\",outcome=\"failed\"} 1") != std::string::npos);
  CHECK(text.find("stswatch_looks_total{kind=\"domain\",outcome=\"ok\"} 0") != std::string::npos);
  CHECK(text.find("stswatch_look_duration_seconds_count{kind=\"mx\"} 1") != std::string::npos);
}

namespace {

std::string gunzipped(std::string packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, 15 + 16) == Z_OK);
  std::string out(1U << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(inflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

}  // namespace

TEST_CASE("what was packed comes back") {
  for (const std::string& text : {std::string(), std::string("x"), std::string(500'000, 'y')}) {
    const auto packed = gzipped(text);
    CHECK(packed.starts_with("\x1f\x8b"));
    CHECK(gunzipped(packed) == text);
  }
  CHECK(gzipped(std::string(500'000, 'y')).size() < 10'000);
}

TEST_CASE("gzip is sent to those who take it") {
  struct Row {
    const char* why;
    const char* header;
    bool taken;
  };
  for (const Row& row : {
           Row{"Prometheus", "gzip", true},
           Row{"curl --compressed", "deflate, gzip, br, zstd", true},
           Row{"case does not count (RFC 9110 §8.4.1)", "GZIP;q=0.5", true},
           Row{"no header", "", false},
           Row{"another coding", "br, x-gzip-like", false},
           Row{"a weight of 0 refuses (§12.4.2)", "br, gzip;q=0", false},
           Row{"in any spelling", "gzip; q=0.000", false},
           Row{"a small weight does not", "gzip;q=0.001", true},
       }) {
    CAPTURE(row.why);
    CHECK(accepts_gzip(row.header) == row.taken);
  }
}

namespace {

std::map<std::string, double> values() {
  std::map<std::string, double> out;
  for (const auto& family : ProcessCollectable().Collect()) {
    REQUIRE(family.metric.size() == 1);
    const bool counter = family.type == prometheus::MetricType::Counter;
    CHECK(counter == family.name.ends_with("_total"));
    out[family.name] = counter ? family.metric[0].counter.value : family.metric[0].gauge.value;
  }
  return out;
}

}  // namespace

TEST_CASE("the figures of a process are read from proc(5), whatever it is called") {
  const std::string fields =
      " S 1 2 3 4 5 6 7 8 9 10 250 150 0 0 20 0 12 0 50000 104857600 2560 18446744073709551615 1 1";
  for (const std::string name : {"(stswatch)", "(a b) c)", "(1 2 3)"}) {
    const auto read = parse_process_stat("77 " + name + fields, 100, 4096);
    REQUIRE(read);
    CHECK(read->cpu_seconds == 4.0);
    CHECK(read->threads == 12);
    CHECK(read->start_after_boot == 500);
    CHECK(read->virtual_bytes == 104857600);
    CHECK(read->resident_bytes == 2560 * 4096);
  }
  for (const std::string none :
       {"", "77 (a", "77 (a) S 1 2", "77 (a) S 1 2 3 4 5 6 7 8 9 10 x 1 1 1 1 1 1 1 1 1 1"})
    CHECK_FALSE(parse_process_stat(none, 100, 4096));
}

TEST_CASE("a process tells of itself what Prometheus' clients do") {
  const auto before = values();
  CHECK(before.size() == 8);
  CHECK(before.at("process_resident_memory_bytes") > 1e6);
  CHECK(before.at("process_virtual_memory_bytes") >= before.at("process_resident_memory_bytes"));
  CHECK(before.at("process_threads") >= 1);
  CHECK(before.at("process_max_fds") >= before.at("process_open_fds"));
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  CHECK(before.at("process_start_time_seconds") <= now + 1);
  CHECK(before.at("process_start_time_seconds") > now - 3600);
  const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK(values().at("process_open_fds") == before.at("process_open_fds") + 1);
  ::close(one);
}
