// Does jobs, several at once, and acknowledges each when it is done, in whatever order that happens.
//
//   worker SERVER NAME MILLISECONDS     a job takes that long
//
// The receive window is the number of threads: the broker hands over only what is worked on, and keeps the rest. A
// worker that goes away loses nothing: the dispatcher is told LOST of each job without an acknowledgement.
#include <onehop/client.h>

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace onehop::client;

namespace {

constexpr uint32_t kThreads = 4;

struct Job {
  std::string text;
  DeliveryTag tag;
};

// The client's thread puts jobs in, the threads that work take them out.
class Jobs {
 public:
  void put(Job job) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    changed_.notify_one();
  }

  // Waits for a job; nothing when there will be no more.
  std::optional<Job> take() {
    std::unique_lock<std::mutex> lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || !jobs_.empty(); });
    if (jobs_.empty()) return std::nullopt;
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    return job;
  }

  void end() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool ended_ = false;
};

// A job that is called "impossible" is refused: nobody else need try.
void work(Jobs& jobs, Client& client, std::chrono::milliseconds takes) {
  while (const std::optional<Job> job = jobs.take()) {
    if (job->text == "impossible") {
      client.refuse(job->tag, {.text = "nobody can do that", .code = 1});
      continue;
    }
    std::this_thread::sleep_for(takes);
    client.acknowledge(job->tag);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: worker SERVER NAME MILLISECONDS" << std::endl;
    return 2;
  }
  Jobs jobs;
  ClientOptions options;
  options.name = argv[2];
  options.ack = AckMode::kManual;
  options.receive_window = kThreads;
  // When its connection ends, so does its session, and others get its jobs.
  options.session_expiry_ms = 0;
  Client::Handlers handlers;
  handlers.on_open = [](const SessionInfo&) { std::cout << "ready" << std::endl; };
  handlers.on_message = [&jobs](const Message& message) {
    std::cout << "begins " << message.payload << std::endl;
    jobs.put({std::string(message.payload), message.tag});
  };
  handlers.on_ended = [&jobs](const Ending& ending) {
    std::cerr << describe(ending) << std::endl;
    jobs.end();
  };
  std::string error;
  const std::unique_ptr<Client> client = Client::start(argv[1], options, handlers, error);
  if (client == nullptr) {
    std::cerr << error << std::endl;
    return 1;
  }

  const std::chrono::milliseconds takes(std::atoi(argv[3]));
  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < kThreads; ++number) {
    threads.emplace_back([&jobs, &client, takes] { work(jobs, *client, takes); });
  }
  for (std::thread& thread : threads) thread.join();
  return 1;
}
