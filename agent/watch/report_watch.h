// The service's half of TLS reports: a thread that empties the Maildir, and the door's answers to posts.
// What goes wrong is logged when it begins and when it is over.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "agent/reports/intake.h"
#include "agent/tell/http.h"
#include "agent/watch/clock.h"
#include "agent/watch/live_config.h"

namespace stswatch {

class ReportWatch {
 public:
  /// `clock` outlives this. The error: the store's file cannot take reports.
  static tl::expected<std::unique_ptr<ReportWatch>, std::string> open(const std::string& state, Clock& clock);
  ~ReportWatch();  // stops
  ReportWatch(const ReportWatch&) = delete;
  ReportWatch& operator=(const ReportWatch&) = delete;

  void adopt(const LiveConfig& plan);
  void start();
  /// Ends after the batch under way. Idempotent.
  void stop();

  ReportAnswer post(ReportPost post);
  /// Why reports that are here, or come, are not taken in; nullopt: they are.
  std::optional<std::string> trouble() const;
  reports::Figures figures() { return intake_.figures(); }
  /// Null where nothing was ever reported.
  std::shared_ptr<const DomainReports> of(const std::string& domain);

 private:
  ReportWatch(std::unique_ptr<reports::Book> book, Clock& clock);
  void run();
  /// Until the Maildir is empty.
  void empty_maildir();
  bool one_batch();
  void tell(const std::string& trouble);

  const std::unique_ptr<reports::Book> book_;
  Clock& clock_;
  reports::Intake intake_;
  reports::PostBox box_;
  std::unique_ptr<reports::Maildir> maildir_;  // the thread's own, as is the next
  std::optional<SteadyPoint> tidied_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_, as is the next
  std::string trouble_;    // with the Maildir
  std::thread thread_;
};

}  // namespace stswatch
