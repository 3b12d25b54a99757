"""The driver of kafka-python; see ../driven-clients/driver.ts for what it is told."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "driven-clients"))

from kafka import (  # noqa: E402
    ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition,
)
from kafka.admin import AlterConfigOp, ConfigResource, OffsetSpec  # noqa: E402
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor  # noqa: E402
from kafka.coordinator.assignors.range import RangePartitionAssignor  # noqa: E402
from kafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor  # noqa: E402
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor  # noqa: E402
from kafka.errors import FencedInstanceIdError, KafkaError  # noqa: E402
from driver_protocol import (  # noqa: E402
    ConsumerThread, Refused, decoded_records, failed, note, serve, tell_assigned, tell_record, tell_revoked,
)

common = {
    "bootstrap_servers": sys.argv[1], "client_id": f"driver-{os.getpid()}", "reconnect_backoff_max_ms": 500,
    "metadata_max_age_ms": 1_000,
}
assignors = {
    "range": RangePartitionAssignor, "roundrobin": RoundRobinPartitionAssignor, "sticky": StickyPartitionAssignor,
    "cooperative-sticky": CooperativeStickyAssignor,
}
limit_s = 60
producer = None
consumer = None
consumer_topic = None
administrator = None


def admin():
    global administrator
    if administrator is None:
        administrator = KafkaAdminClient(**common)
    return administrator


def open_producer(acks, compression, idempotent):
    global producer
    producer = KafkaProducer(
        **common, acks={"none": 0, "leader": 1, "all": "all"}[acks], enable_idempotence=idempotent,
        compression_type=None if compression == "none" else compression)


def produce(topic, records):
    futures = [
        producer.send(
            topic, value=record["value"], key=record["key"], headers=record["headers"],
            partition=record["partition"], timestamp_ms=record["timestamp"])
        for record in decoded_records(records)]
    stored = []
    for future in futures:
        metadata = future.get(limit_s)
        stored.append({"partition": metadata.partition, "offset": metadata.offset if metadata.offset >= 0 else None})
    return stored


def close_producer():
    producer.close()


class Listener(ConsumerRebalanceListener):
    def __init__(self, is_cooperative):
        self.client = None
        self.is_cooperative = is_cooperative
        self.owned = set()

    def on_partitions_assigned(self, assigned):
        if not self.is_cooperative:
            self.owned.clear()
        self.owned.update(one.partition for one in assigned)
        tell_assigned(self.client.group_metadata().member_id, self.owned)

    def on_partitions_revoked(self, revoked):
        tell_revoked([one.partition for one in revoked])
        self.owned.difference_update([one.partition for one in revoked])
        if self.is_cooperative:
            # What stays is announced to nobody.
            tell_assigned(self.client.group_metadata().member_id, self.owned)

    def on_partitions_lost(self, lost):
        self.on_partitions_revoked(lost)


def open_consumer(topic, start, group=None, partitions=None, commit="when-told", assignor=None, instanceId=None,
                  sessionTimeoutMs=6_000):
    global consumer, consumer_topic
    consumer_topic = topic

    def open_one():
        client = KafkaConsumer(
            **common, group_id=group, enable_auto_commit=False, auto_offset_reset="earliest", fetch_max_wait_ms=100,
            session_timeout_ms=sessionTimeoutMs, heartbeat_interval_ms=200, max_poll_interval_ms=15_000,
            group_instance_id=instanceId, partition_assignment_strategy=[assignors[assignor or "range"]])
        if group is not None:
            # A leader that does not know the topic yet assigns nothing, and may leave it at that.
            client.partitions_for_topic(topic)
            listener = Listener(assignor == "cooperative-sticky")
            listener.client = client
            client.subscribe([topic], listener=listener)
            return client
        wanted = [TopicPartition(topic, partition) for partition in partitions]
        client.assign(wanted)
        for one in wanted:
            if start == "earliest":
                client.seek_to_beginning(one)
            elif start == "latest":
                client.seek_to_end(one)
            else:
                client.seek(one, start)
        return client

    def poll(client):
        try:
            batches = client.poll(timeout_ms=100)
        except FencedInstanceIdError as error:
            failed(f"fenced: {error}")
            raise
        except KafkaError as error:
            return note(f"poll: {error}")
        for records in batches.values():
            for record in records:
                tell_record(
                    record.topic, record.partition, record.offset, record.timestamp, record.key, record.value,
                    record.headers)
        if batches and commit == "each":
            try:
                client.commit()
            except FencedInstanceIdError as error:
                # Of a fenced heartbeat the client only logs: its user is told by the next commit.
                failed(f"fenced: {error}")
                raise
            except KafkaError as error:
                note(f"commit: {error}")

    consumer = ConsumerThread(open_one, poll)


def at(partition):
    return TopicPartition(consumer_topic, partition)


def commit(offsets):
    wanted = {at(partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets}
    consumer.call(lambda client: client.commit(wanted))


def committed(partitions):
    return consumer.call(lambda client: [client.committed(at(partition)) for partition in partitions])


def seek(partition, offset):
    consumer.call(lambda client: client.seek(at(partition), offset))


def seek_to_time(timestamp):
    def move(client):
        found = client.offsets_for_times({one: timestamp for one in client.assignment()})
        for one, place in found.items():
            client.seek(one, place.offset)
        return [place.offset for _, place in sorted(found.items())]
    return consumer.call(move)


def list_offset(topic, partition, at):
    spec = {"earliest": OffsetSpec.EARLIEST, "latest": OffsetSpec.LATEST}.get(at, at)
    wanted = TopicPartition(topic, partition)
    return admin().list_partition_offsets({wanted: spec})[wanted].offset


def create_topics(topics, validateOnly):
    wanted = {one["name"]: {
        "num_partitions": one["partitions"], "replication_factor": one.get("replicationFactor", 1),
        "configs": one.get("configs", {}),
    } for one in topics}
    created = admin().create_topics(wanted, validate_only=validateOnly, raise_errors=False)
    return {one["name"]: one["error_code"] for one in created["topics"]}


def delete_topics(names):
    deleted = admin().delete_topics(names, raise_errors=False)
    return {one["name"]: one["error_code"] for one in deleted["topics"]}


def describe_topic(topic):
    [found] = admin().describe_topics([topic])
    if found["error_code"] != 0:
        raise Refused(found["error_code"], topic)
    return [{
        "partition": one["partition_index"], "leader": one["leader_id"], "replicas": one["replica_nodes"],
        "isr": one["isr_nodes"],
    } for one in found["partitions"]]


def describe_cluster():
    found = admin().describe_cluster()
    brokers = [{"id": one["broker_id"], "host": one["host"], "port": one["port"]} for one in found["brokers"]]
    return {"brokers": brokers, "controller": found["controller_id"]}


def describe_configs(type, name):
    found = admin().describe_configs([ConfigResource(type, name)], config_filter="all")[type][name]
    return {key: {"value": one["value"], "isDefault": one["config_source"] == "DEFAULT_CONFIG"}
            for key, one in found.items()}


def alter_configs(topic, set, reset):
    changes = {key: (AlterConfigOp.SET, value) for key, value in set.items()}
    changes.update({key: (AlterConfigOp.DELETE, None) for key in reset})
    result = admin().alter_configs([ConfigResource("topic", topic, changes)])["topic"][topic]
    # It tells errors as text alone: "[Error 40] InvalidConfigurationError: ...".
    if result != "OK":
        raise Refused(int(re.search(r"\[Error (\d+)\]", result)[1]), result)


def describe_group(group, topic):
    found = admin().describe_groups([group])[group]
    return {"state": found["group_state"], "members": [{
        "memberId": one["member_id"], "clientId": one["client_id"], "instanceId": one.get("group_instance_id"),
        "partitions": [
            partition for assigned in (one["member_assignment"] or {}).get("assigned_partitions", [])
            if assigned["topic"] == topic for partition in assigned["partitions"]],
    } for one in found["members"]]}


def delete_group(group):
    result = admin().delete_groups([group])[group]
    if result != "OK":
        raise KafkaError(result)


def group_offsets(group, topic):
    found = admin().list_group_offsets([group])[group]
    return [[one.partition, place.offset] for one, place in found.items() if one.topic == topic and place.offset >= 0]


def check(results):
    for error in results.values():
        if error.errno != 0:
            raise error()


def alter_group_offsets(group, topic, offsets):
    wanted = {TopicPartition(topic, partition): OffsetAndMetadata(offset, "", -1) for partition, offset in offsets}
    check(admin().alter_group_offsets(group, wanted))


def delete_group_offsets(group, topic, partitions):
    check(admin().delete_group_offsets(group, [TopicPartition(topic, partition) for partition in partitions]))


def delete_records(topic, partition, offset):
    wanted = TopicPartition(topic, partition)
    return admin().delete_records({wanted: offset})[wanted]["low_watermark"]


def code_of(error):
    return error.code if isinstance(error, Refused) else getattr(error, "errno", None)


serve({
    "openProducer": open_producer, "produce": produce, "closeProducer": close_producer,
    "openConsumer": open_consumer, "commit": commit, "committed": committed, "seek": seek,
    "seekToTime": seek_to_time, "closeConsumer": lambda: consumer.close(lambda client: client.close()),
    "pause": lambda partitions: consumer.call(lambda client: client.pause(*map(at, partitions))),
    "resume": lambda partitions: consumer.call(lambda client: client.resume(*map(at, partitions))),
    "listOffset": list_offset, "createTopics": create_topics, "deleteTopics": delete_topics,
    "createPartitions": lambda topic, count: admin().create_partitions({topic: count}) and None,
    "listTopics": lambda: admin().list_topics(), "describeTopic": describe_topic,
    "describeCluster": describe_cluster, "describeConfigs": describe_configs, "alterConfigs": alter_configs,
    "listGroups": lambda: [one["group_id"] for one in admin().list_groups()], "describeGroup": describe_group,
    "deleteGroup": delete_group, "groupOffsets": group_offsets, "alterGroupOffsets": alter_group_offsets,
    "deleteGroupOffsets": delete_group_offsets, "deleteRecords": delete_records,
}, code_of)
