// A book of reports on a disk of its own, and reports to write into it.
#pragma once

#include <doctest/doctest.h>

#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>

#include "agent/remember/store.h"
#include "agent/reports/intake.h"

namespace stswatch {

inline const TimePoint kNow = *parse_utc("2026-11-28T10:00:00Z");

struct Folder {
  Folder()
      : path(std::filesystem::temp_directory_path() / ("stswatch-ingest-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path);
    for (const char* name : {"mail/new", "mail/cur", "mail/tmp"})
      std::filesystem::create_directories(path / name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string state() const { return path / "state.db"; }
  std::string maildir() const { return path / "mail"; }
  void deliver(const std::string& name, const std::string& octets) const {
    std::ofstream(path / "mail" / name, std::ios::binary) << octets;
  }
  std::vector<std::string> listed(const std::string& name) const {
    std::vector<std::string> out;
    for (const auto& each : std::filesystem::directory_iterator(path / "mail" / name))
      out.push_back(each.path().filename());
    std::sort(out.begin(), out.end());
    return out;
  }
  std::filesystem::path path;
};

/// The book, the intake, and whoever watches example.com.
struct Desk {
  explicit Desk(const std::string& state) {
    auto opened = reports::Book::open(state);
    REQUIRE_MESSAGE(opened, opened.error());
    book = std::move(*opened);
    intake = std::make_unique<reports::Intake>(*book, [] { return kNow; });
    intake->adopt({}, {"example.com"});
  }
  reports::Fate hand_in(const std::string& octets, const std::string& name = "x") {
    const auto outcomes = intake->take({{.octets = octets, .source = name}});
    REQUIRE(outcomes);
    return outcomes->front().fate;
  }
  std::unique_ptr<reports::Book> book;
  std::unique_ptr<reports::Intake> intake;
};

struct Told {
  std::string id = "r1", organization = "Google Inc.", type = "sts", domain = "example.com",
              day = "2026-11-27";
  int successful = 90, failed = 10;
  std::string result_type = "certificate-expired";
};

inline std::string report(const Told& t = {}) {
  return R"({"organization-name":")" + t.organization + R"(","report-id":")" + t.id +
         R"(","date-range":{"start-datetime":")" + t.day + R"(T00:00:00Z","end-datetime":")" + t.day +
         R"(T23:59:59Z"},"policies":[{"policy":{"policy-type":")" + t.type +
         R"(","policy-string":["version: STSv1","mode: testing"],"policy-domain":")" + t.domain +
         R"("},"summary":{"total-successful-session-count":)" + std::to_string(t.successful) +
         R"(,"total-failure-session-count":)" + std::to_string(t.failed) +
         R"(},"failure-details":[{"result-type":")" + t.result_type +
         R"(","receiving-mx-hostname":"mx.example.com","sending-mta-ip":"192.0.2.1","failed-session-count":)" +
         std::to_string(t.failed) + "}]}]}";
}

}  // namespace stswatch
