/**
 * The tests whose subtests are told one by one: the first that fails would keep all that come after it from being run.
 */
const subtests: Readonly<Record<string, readonly string[]>> = {
  '0081_admin': [
    'do_test_unclean_destroy',
    'do_test_CreateTopics',
    'do_test_DeleteTopics',
    'do_test_CreatePartitions',
    'do_test_CreateAcls',
    'do_test_DescribeAcls',
    'do_test_DeleteAcls',
    'do_test_AlterConfigs',
    'do_test_IncrementalAlterConfigs',
    'do_test_DescribeConfigs',
    'do_test_DescribeConfigs_groups',
    'do_test_DeleteRecords',
    'do_test_ListConsumerGroups',
    'do_test_DescribeConsumerGroups',
    'do_test_DescribeTopics',
    'do_test_DescribeCluster',
    'do_test_DeleteGroups',
    'do_test_DeleteConsumerGroupOffsets',
    'do_test_ListOffsets',
    'do_test_AlterConsumerGroupOffsets',
    'do_test_ListConsumerGroupOffsets',
    'do_test_UserScramCredentials',
  ],
}

export function subtestsOf(test: string): readonly string[] | undefined {
  return subtests[test]
}
