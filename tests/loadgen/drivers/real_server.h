// A real server of another broker for one test, on a free port of the loopback interface and with its files in a folder
// of its own. The destructor stops it and removes the folder. If the test is killed, the server ends as well.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace onehop::loadgen::test {

class RealServer {
 public:
  // Makes the arguments from the port to listen on and a folder for files.
  using Arguments = std::function<std::vector<std::string>(uint16_t port, const std::filesystem::path& folder)>;

  // Returns when the server accepts connections. Throws std::runtime_error with a line that says why it does not.
  RealServer(const std::string& program, const Arguments& arguments) {
    const std::string path = find_program(program);
    std::string pattern = std::filesystem::temp_directory_path() / "onehop-real-server-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = pattern;
    // Another program may take the port between its choice and its use.
    for (int attempt = 0; attempt < 5; ++attempt) {
      port_ = free_port();
      std::vector<std::string> command = arguments(port_, folder_);
      command.insert(command.begin(), path);
      start(command);
      if (accepts()) return;
      stop();
    }
    const std::string said = log();
    std::filesystem::remove_all(folder_);
    throw std::runtime_error(path + " does not start: " + said);
  }
  RealServer(const RealServer&) = delete;
  RealServer& operator=(const RealServer&) = delete;
  ~RealServer() {
    stop();
    std::filesystem::remove_all(folder_);
  }

  // Returns a new connection, which the caller closes.
  int connect() const {
    const int fd = try_connect();
    if (fd < 0) throw std::runtime_error("the server does not accept connections: " + log());
    return fd;
  }

  // The output of the server.
  std::string log() const {
    std::ostringstream text;
    text << std::ifstream(folder_ / "log").rdbuf();
    return text.str();
  }

 private:
  static std::string find_program(const std::string& program) {
    const char* path = std::getenv("PATH");
    std::istringstream folders(std::string(path == nullptr ? "" : path) + ":/usr/sbin");
    for (std::string folder; std::getline(folders, folder, ':');) {
      if (::access((folder + "/" + program).c_str(), X_OK) == 0) return folder + "/" + program;
    }
    throw std::runtime_error(program + " is not installed, which this test needs: install the package of that name");
  }

  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
  }

  static uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no free port");
    }
    ::close(fd);
    return ntohs(address.sin_port);
  }

  int try_connect() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port_);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
  }

  void start(std::vector<std::string>& command) {
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const std::string log_file = folder_ / "log";
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    const int fd = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }

  // Whether this very process accepts connections at last. Returns false if it ends before that or takes 20 s.
  bool accepts() {
    for (int attempt = 0; attempt < 2000; ++attempt) {
      if (::waitpid(pid_, nullptr, WNOHANG) != 0) {
        pid_ = -1;
        return false;
      }
      const int fd = try_connect();
      if (fd >= 0) {
        ::close(fd);
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }

  void stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

  std::filesystem::path folder_;
  uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace onehop::loadgen::test
