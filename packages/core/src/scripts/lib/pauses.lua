-- Pauses. A key `pause:<name>` of whatever type and value, set by anybody, keeps attempts from starting: `all`, `queue:<queue>`,
-- `task:<task>`, `tag:<tag>`, `job:<job>`, `node:<node>`. Nothing else says that something is paused; what is kept beside is only what to do when it ends:
-- `pauses` has the names that have been noticed, `<when> <when it was last said that it is paused too long>`, and behind that ` <JSON>`, what is told of
-- its end, once the pause is over and only what it held back is still to be let go; `paused-by:<name>` the jobs that are held
-- back, `paused` their due runs, `frozen` their next fire times.
--
-- Where there are several partitions that is so in the first. In the others such a key is a copy, and what becomes of a pause is told by the first alone; what
-- it has yet to hear of them stands in `carry`.

step.has_copies = string.find(arg.prefix, ':%d+}:$') ~= nil -- this is a further partition

-- Remembers that there is a pause, so that its end is noticed; also where it was over, and has been set anew.
local function note_pause(name, now)
  local noticed = redis.call('HGET', key.pauses, name)
  if not noticed then
    redis.call('HSET', key.pauses, name, int(now) .. ' ' .. int(now))
    if not step.has_copies then tell('paused ' .. name .. ' ' .. int(now) .. ' ' .. pause_text(name)) end
  elseif pause_seen[name] and string.find(noticed, '^%d+ %d+ .') then
    redis.call('HSET', key.pauses, name, string.match(noticed, '^%d+ %d+'))
  end
end

local function note_paused_job(job, name, now)
  if name ~= 'job:' .. job then redis.call('SADD', arg.prefix .. 'paused-by:' .. name, job) end
  note_pause(name, now)
end

-- A job is removed: a pause that stays does not keep its name, however many jobs come and go under it.
function forget_paused(job, record)
  if redis.call('EXISTS', key.pauses) == 0 then return end
  local names = { 'all' }
  add_pauses_of_lane(names, record)
  add_pauses_of_job(names, job, record)
  for _, name in ipairs(names) do redis.call('SREM', arg.prefix .. 'paused-by:' .. name, job) end
end

-- The name of a pause that is over and of whose end the leader has yet to take note, of a job that goes on from now after one (`rf`): what came due
-- meanwhile must not start before it is passed over. nil: there is none.
local function pause_just_over(job, record)
  if not extra(record, 'rf') then return nil end
  local names = { 'all' }
  add_pauses_of_lane(names, record)
  add_pauses_of_job(names, job, record)
  look_at_pauses(names)
  local noticed = redis.call('HMGET', key.pauses, unpack(names))
  for i, name in ipairs(names) do
    if noticed[i] and not pause_seen[name] and string.find(noticed[i], '^%d+ %d+$') then return name end
  end
  return nil
end

-- Due runs of a job that were held back go on.
local function unhold(job, record)
  repeat
    local runs = redis.call('ZRANGEBYLEX', key.paused, '[' .. job .. '@', '(' .. job .. '@~', 'LIMIT', 0, TAKE)
    if #runs > 0 then redis.call('ZREM', key.paused, unpack(runs)) end
    for _, run in ipairs(runs) do make_ready(record.lane, record.priority, fire_time_of(run), run) end
  until #runs < TAKE
end

-- A job goes on: from the fire time at which it was stopped. Where that has passed, its runs wait for the leader, which takes all that
-- was missed together.
local function release_from_pause(job, now)
  local cursor = tonumber(redis.call('ZSCORE', key.frozen, job) or nil)
  local record = parse(redis.call('HGET', key.jobs, job) or '')
  if cursor then
    redis.call('ZREM', key.frozen, job)
    if record then
      redis.call('ZADD', key.due, int(cursor), job)
      publish('jobs ' .. int(cursor))
    end
  end
  if record and not (cursor and cursor <= now) then unhold(job, record) end
end

-- Nothing is held back any more by a pause that is over, if it was noticed.
local function close_pause(name)
  local noticed = redis.call('HGET', key.pauses, name)
  if not noticed then return end
  local said = string.match(noticed, '^%d+ %d+ (.+)$')
  redis.call('HDEL', key.pauses, name)
  if not step.has_copies then tell('resumed ' .. name .. (said and ' ' .. said or '')) end
end

-- Lets go of up to `most` jobs that a pause held back, which is over. Answers how many it was.
local function end_pause(name, most, now)
  local own = string.match(name, '^job:(.+)$')
  if own then failing.resume(own) end
  local jobs = own and { own } or redis.call('SPOP', arg.prefix .. 'paused-by:' .. name, most)
  for _, job in ipairs(jobs) do release_from_pause(job, now) end
  if own or #jobs < most then
    close_pause(name)
    publish(int(now))
  end
  return #jobs
end
