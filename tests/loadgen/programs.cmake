# Tests of the whole program against known truths: a broker of known slowness, a proxy that breaks promises, and the real
# servers.
find_program(ONEHOP_PYTHON NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(ONEHOP_PYTHON NAMES python3)
add_executable(onehop-fake-broker fake_broker.cc fake_broker_rules.cc fake_broker_delays.cc fake_broker_seen.cc
  plain_sockets.cc)
target_link_libraries(onehop-fake-broker PRIVATE onehop_options onehop_proto)
add_executable(onehop-hostile-proxy hostile_proxy.cc plain_sockets.cc)
target_link_libraries(onehop-hostile-proxy PRIVATE onehop_options onehop_proto)

# Each test is a process of its own and gets the folder of the programs. Tests with bounds on times share the machine with
# one other at most (onehop_test_measures). With
# ONEHOP_TEST_FULL=1, which `./dev faults` sets, the bounds are those of the promises.
foreach(case accuracy freeze starved capacity merge_runs accounting workloads connects command_line scenario aftermath live
        ci_files tls)
  add_test(NAME loadgen_${case}
    COMMAND ${ONEHOP_PYTHON} -B ${CMAKE_CURRENT_SOURCE_DIR}/${case}_test.py $<TARGET_FILE_DIR:onehop-loadgen>)
  set_tests_properties(loadgen_${case} PROPERTIES TIMEOUT 300 COST 8)
endforeach()
set_tests_properties(loadgen_command_line PROPERTIES COST 54)
set_tests_properties(loadgen_workloads loadgen_scenario PROPERTIES COST 35)
set_tests_properties(loadgen_accounting loadgen_aftermath loadgen_live PROPERTIES COST 25)
# They hold times against bounds.
onehop_test_measures(loadgen_accuracy loadgen_freeze loadgen_starved loadgen_capacity)
