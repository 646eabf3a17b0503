// Gives jobs to workers and says what became of each.
//
//   dispatcher SERVER COUNT WORKER...     jobs "1" to "COUNT"; a COUNT that is no number is one job with that text
//
// A job is a confirmed message. DELIVERED means that a worker has done it, because workers acknowledge when they are
// done. A job whose worker went away (LOST, or nobody has the name any more) goes to the next worker. The first one may
// have done it without a chance to say so: what a job does must be right when it is done twice.
#include <onehop/client.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <string>
#include <vector>

using namespace onehop::client;

namespace {

// Jobs that one worker has at the same time. What it cannot begin yet waits in the broker.
constexpr unsigned kJobsOfOneWorker = 8;
constexpr auto kRestAfterALoss = std::chrono::milliseconds(500);

class Dispatcher {
 public:
  Dispatcher(Client& client, const std::vector<std::string>& workers, std::deque<std::string> jobs)
      : client_(client), waiting_(std::move(jobs)) {
    for (const std::string& name : workers) workers_.push_back({name});
  }

  // Returns whether all jobs were done.
  bool run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!waiting_.empty() || under_way_ > 0) {
      Worker* worker = waiting_.empty() ? nullptr : free_worker();
      if (worker == nullptr) {
        changed_.wait_for(lock, kRestAfterALoss);
        continue;
      }
      const std::string job = std::move(waiting_.front());
      waiting_.pop_front();
      ++worker->jobs;
      ++under_way_;
      // Outcomes come on the client's thread, and wait for the lock there.
      lock.unlock();
      give(*worker, job);
      lock.lock();
    }
    std::cout << done_ << " done, " << refused_ << " refused, " << given_again_ << " given to another worker"
              << std::endl;
    return refused_ == 0;
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Worker {
    std::string name;
    unsigned jobs = 0;
    // It has lost a job, and gets no other one until then.
    Clock::time_point rests_until = {};
  };

  // The one with the fewest jobs, if it may have another one.
  Worker* free_worker() {
    const auto load = [now = Clock::now()](const Worker& worker) {
      return worker.rests_until > now ? kJobsOfOneWorker : worker.jobs;
    };
    const auto fewest =
        std::min_element(workers_.begin(), workers_.end(),
                         [load](const Worker& one, const Worker& other) { return load(one) < load(other); });
    return load(*fewest) < kJobsOfOneWorker ? &*fewest : nullptr;
  }

  void give(Worker& worker, const std::string& job) {
    SendOptions options;
    // A worker that is not there is no reason to wait: there are others.
    options.unknown_patience_ms = 0;
    client_.send(worker.name, job, options,
                 [this, &worker, job](const SendResult& result) { settle(worker, job, result); });
  }

  void settle(Worker& worker, const std::string& job, const SendResult& result) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      --worker.jobs;
      --under_way_;
      if (result.outcome == Outcome::kDelivered) {
        ++done_;
      } else if (result.reason == Reason::kRefusedByRecipient) {
        ++refused_;
        std::cout << job << ": " << result.text << std::endl;
      } else {
        std::cout << job << " of " << worker.name << ": " << to_string(result.outcome) << std::endl;
        ++given_again_;
        worker.rests_until = Clock::now() + kRestAfterALoss;
        waiting_.push_front(job);
      }
    }
    changed_.notify_one();
  }

  Client& client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Worker> workers_;
  std::deque<std::string> waiting_;
  unsigned under_way_ = 0;
  unsigned done_ = 0;
  unsigned refused_ = 0;
  unsigned given_again_ = 0;
};

std::deque<std::string> jobs_of(const std::string& count) {
  const int number = std::atoi(count.c_str());
  std::deque<std::string> jobs;
  if (number <= 0) jobs.push_back(count);
  for (int job = 1; job <= number; ++job) jobs.push_back(std::to_string(job));
  return jobs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: dispatcher SERVER COUNT WORKER..." << std::endl;
    return 2;
  }
  std::string error;
  const std::unique_ptr<Client> client = Client::start(argv[1], {.name = "dispatcher"}, {}, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }
  Dispatcher dispatcher(*client, {argv + 3, argv + argc}, jobs_of(argv[2]));
  const bool all_done = dispatcher.run();
  client->close(5'000);
  return all_done ? 0 : 1;
}
