//go:build functional

// Put beside sarama's functional tests, which make topics of three replicas: on one node there is one. Nothing else
// about them is changed.

package sarama

func init() {
	for _, details := range testTopicDetails {
		details.ReplicationFactor = 1
	}
}
