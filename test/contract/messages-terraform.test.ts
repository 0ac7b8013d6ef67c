/** Topics, queues, subscriptions and notification rules as Terraform makes them: made, unchanged at once, taken away. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createTestHouse, type TestHouse } from '#test/support/house.ts';
import { createTerraform, type Terraform, terraformSkip } from '#test/support/terraform.ts';

let house: TestHouse;
let terraform: Terraform;

before(async () => {
  if (terraformSkip) return;
  house = await createTestHouse();
  terraform = createTerraform(house);
});
after(async () => {
  terraform?.close();
  await house?.close();
});

const MESSAGES = `
resource "aws_sns_topic" "news" {
  name         = "news"
  display_name = "News"
  tags         = { team = "shop" }
}
resource "aws_sns_topic_policy" "news" {
  arn = aws_sns_topic.news.arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "codestar-notifications.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.news.arn
    }]
  })
}
resource "aws_sqs_queue" "inbox" {
  name                       = "inbox"
  visibility_timeout_seconds = 60
  tags = { team = "shop" }
}
resource "aws_sqs_queue" "steps" {
  name                        = "steps.fifo"
  fifo_queue                  = true
  content_based_deduplication = true
}
resource "aws_sns_topic_subscription" "inbox" {
  topic_arn            = aws_sns_topic.news.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.inbox.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ kind = ["release"] })
}
resource "aws_codecommit_repository" "shop" {
  repository_name = "shop"
}
resource "aws_codestarnotifications_notification_rule" "pushes" {
  name           = "pushes"
  resource       = aws_codecommit_repository.shop.arn
  detail_type    = "BASIC"
  event_type_ids = ["codecommit-repository-branches-and-tags-updated"]
  target {
    address = aws_sns_topic.news.arn
  }
  depends_on = [aws_sns_topic_policy.news]
}
`;

test(
  'Terraform makes it all, finds nothing to change and takes it away again',
  {
    skip: terraformSkip,
  },
  async () => {
    terraform.write(MESSAGES);
    await terraform.succeeds('init');
    await terraform.succeeds('apply', '-auto-approve');
    assert.match(await terraform.succeeds('plan', '-detailed-exitcode'), /No changes/);
    await terraform.succeeds('destroy', '-auto-approve');
  },
);
