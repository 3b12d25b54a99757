"""The driver of confluent-kafka-python (librdkafka); see ../driven-clients/driver.ts for what it is told."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "driven-clients"))

from confluent_kafka import (  # noqa: E402
    Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicCollection, TopicPartition,
    OFFSET_BEGINNING, OFFSET_END, TIMESTAMP_NOT_AVAILABLE,
)
from confluent_kafka.admin import (  # noqa: E402
    AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ConfigSource, NewPartitions, NewTopic, OffsetSpec,
)
from driver_protocol import (  # noqa: E402
    ConsumerThread, decoded_records, failed, note, serve, tell_assigned, tell_record, tell_revoked,
)

bootstrap = sys.argv[1]
common = {
    "bootstrap.servers": bootstrap, "client.id": f"driver-{os.getpid()}",
    "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 500, "error_cb": lambda error: tell_error(error),
}
limit_s = 20


def tell_error(error):
    # Asked for its own sake, fatal() of a _FATAL error says no.
    tell = failed if error.fatal() or error.code() == KafkaError._FATAL else note
    tell(error)


producer = None
consumer = None
consumer_topic = None
administrator = None


def admin():
    global administrator
    if administrator is None:
        administrator = AdminClient(common)
    return administrator


def open_producer(acks, compression, idempotent):
    global producer
    producer = Producer({
        **common, "acks": {"none": 0, "leader": 1, "all": -1}[acks], "compression.type": compression,
        "enable.idempotence": idempotent, "linger.ms": 0, "retry.backoff.ms": 50,
        "topic.metadata.refresh.interval.ms": 1_000, "statistics.interval.ms": 0,
    })


def produce(topic, records):
    stored = [None] * len(records)
    errors = []

    def delivered(index):
        def callback(error, message):
            if error is not None:
                errors.append(error)
                return
            stored[index] = {"partition": message.partition(), "offset": message.offset()}
        return callback

    for index, record in enumerate(decoded_records(records)):
        optional = {name: record[name] for name in ("partition", "timestamp") if record[name] is not None}
        producer.produce(
            topic, key=record["key"], value=record["value"], headers=record["headers"],
            on_delivery=delivered(index), **optional)
    producer.flush()
    if errors:
        raise KafkaException(errors[0])
    return stored


def close_producer():
    global producer
    producer.flush()
    producer = None


def open_consumer(topic, start, group=None, partitions=None, commit="when-told", assignor=None, instanceId=None,
                  sessionTimeoutMs=6_000):
    global consumer, consumer_topic
    consumer_topic = topic
    owned = set()
    settings = {
        **common, "group.id": group or f"reader-{os.getpid()}", "enable.auto.commit": False,
        "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100, "session.timeout.ms": sessionTimeoutMs,
        "heartbeat.interval.ms": 200, "partition.assignment.strategy": assignor or "range",
    }
    if instanceId is not None:
        settings["group.instance.id"] = instanceId
    is_cooperative = assignor == "cooperative-sticky"

    def on_assign(client, assigned):
        if not is_cooperative:
            owned.clear()
        owned.update(one.partition for one in assigned)
        tell_assigned(client.memberid(), owned)

    def on_revoke(client, revoked):
        tell_revoked([one.partition for one in revoked])
        owned.difference_update(one.partition for one in revoked)

    def open_one():
        client = Consumer(settings)
        if group is not None:
            client.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
        else:
            offset = {"earliest": OFFSET_BEGINNING, "latest": OFFSET_END}.get(start, start)
            client.assign([TopicPartition(topic, partition, offset) for partition in partitions])
        return client

    def poll(client):
        handled = False
        for message in client.consume(200, timeout=0.1):
            if message.error() is not None:
                tell_error(message.error())
                continue
            handled = True
            kind, timestamp = message.timestamp()
            tell_record(
                message.topic(), message.partition(), message.offset(),
                -1 if kind == TIMESTAMP_NOT_AVAILABLE else timestamp, message.key(), message.value(),
                message.headers())
        if handled and commit == "each":
            try:
                client.commit(asynchronous=False)
            except KafkaException as error:
                if error.args[0].code() == KafkaError._FATAL:
                    # The one error that is fatal to a member is being fenced, and this may be all that tells of it.
                    failed(f"fenced: {error}")
                    raise
                note(f"commit: {error}")

    consumer = ConsumerThread(open_one, poll)


def at(partitions, offset=None):
    if offset is None:
        return [TopicPartition(consumer_topic, partition) for partition in partitions]
    return [TopicPartition(consumer_topic, partition, offset) for partition in partitions]


def commit(offsets):
    wanted = [TopicPartition(consumer_topic, partition, offset) for partition, offset in offsets]
    consumer.call(lambda client: client.commit(offsets=wanted, asynchronous=False))


def committed(partitions):
    found = consumer.call(lambda client: client.committed(at(partitions), timeout=limit_s))
    return [one.offset if one.offset >= 0 else None for one in found]


def seek(partition, offset):
    consumer.call(lambda client: client.seek(TopicPartition(consumer_topic, partition, offset)))


def seek_to_time(timestamp):
    def move(client):
        wanted = at([one.partition for one in client.assignment()], timestamp)
        found = client.offsets_for_times(wanted, timeout=limit_s)
        for one in found:
            client.seek(one)
        return [one.offset for one in sorted(found, key=lambda one: one.partition)]
    return consumer.call(move)


def close_consumer():
    consumer.close(lambda client: client.close())


def list_offset(topic, partition, at):
    spec = {"earliest": OffsetSpec.earliest(), "latest": OffsetSpec.latest()}.get(at) or OffsetSpec.for_timestamp(at)
    [future] = admin().list_offsets({TopicPartition(topic, partition): spec}).values()
    return future.result(limit_s).offset


def codes(futures):
    found = {}
    for name, future in futures.items():
        try:
            future.result(limit_s)
            found[name] = 0
        except KafkaException as error:
            found[name] = error.args[0].code()
    return found


def create_topics(topics, validateOnly):
    wanted = [
        NewTopic(one["name"], one["partitions"], one.get("replicationFactor", 1), config=one.get("configs", {}))
        for one in topics]
    return codes(admin().create_topics(wanted, validate_only=validateOnly))


def create_partitions(topic, count):
    admin().create_partitions([NewPartitions(topic, count)])[topic].result(limit_s)


def describe_topic(topic):
    found = admin().describe_topics(TopicCollection([topic]))[topic].result(limit_s)
    return [{
        "partition": one.id, "leader": one.leader.id, "replicas": [node.id for node in one.replicas],
        "isr": [node.id for node in one.isr],
    } for one in found.partitions]


def describe_cluster():
    found = admin().describe_cluster().result(limit_s)
    brokers = [{"id": node.id, "host": node.host, "port": node.port} for node in found.nodes]
    return {"brokers": brokers, "controller": found.controller.id}


def describe_configs(type, name):
    resource = ConfigResource(type, name)
    found = admin().describe_configs([resource])[resource].result(limit_s)
    default = ConfigSource.DEFAULT_CONFIG.value
    return {key: {"value": one.value, "isDefault": one.source == default} for key, one in found.items()}


def alter_configs(topic, set, reset):
    entries = [ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET) for key, value in set.items()]
    entries += [ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE) for key in reset]
    resource = ConfigResource("topic", topic, incremental_configs=entries)
    admin().incremental_alter_configs([resource])[resource].result(limit_s)


def list_groups():
    found = admin().list_consumer_groups().result(limit_s)
    if found.errors:
        raise found.errors[0]
    return [one.group_id for one in found.valid]


def describe_group(group, topic):
    found = admin().describe_consumer_groups([group])[group].result(limit_s)
    return {"state": found.state.name, "members": [{
        "memberId": one.member_id, "clientId": one.client_id, "instanceId": one.group_instance_id,
        "partitions": [part.partition for part in one.assignment.topic_partitions if part.topic == topic],
    } for one in found.members]}


def delete_group(group):
    admin().delete_consumer_groups([group])[group].result(limit_s)


def group_offsets(group, topic):
    wanted = ConsumerGroupTopicPartitions(group)
    found = admin().list_consumer_group_offsets([wanted])[group].result(limit_s)
    return [[one.partition, one.offset] for one in found.topic_partitions if one.topic == topic and one.offset >= 0]


def alter_group_offsets(group, topic, offsets):
    wanted = [TopicPartition(topic, partition, offset) for partition, offset in offsets]
    found = admin().alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, wanted)])[group].result(limit_s)
    for one in found.topic_partitions:
        if one.error is not None:
            raise KafkaException(one.error)


def delete_records(topic, partition, offset):
    wanted = TopicPartition(topic, partition, offset)
    return admin().delete_records([wanted])[wanted].result(limit_s).low_watermark


def code_of(error):
    return error.args[0].code() if isinstance(error, KafkaException) else None


serve({
    "openProducer": open_producer, "produce": produce, "closeProducer": close_producer,
    "openConsumer": open_consumer, "commit": commit, "committed": committed, "seek": seek,
    "seekToTime": seek_to_time, "closeConsumer": close_consumer,
    "pause": lambda partitions: consumer.call(lambda client: client.pause(at(partitions))),
    "resume": lambda partitions: consumer.call(lambda client: client.resume(at(partitions))),
    "listOffset": list_offset, "createTopics": create_topics,
    "deleteTopics": lambda names: codes(admin().delete_topics(names)),
    "createPartitions": create_partitions,
    "listTopics": lambda: list(admin().list_topics(timeout=limit_s).topics),
    "describeTopic": describe_topic, "describeCluster": describe_cluster, "describeConfigs": describe_configs,
    "alterConfigs": alter_configs, "listGroups": list_groups, "describeGroup": describe_group,
    "deleteGroup": delete_group, "groupOffsets": group_offsets, "alterGroupOffsets": alter_group_offsets,
    "deleteRecords": delete_records,
}, code_of)
