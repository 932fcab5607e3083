-- The usual request: runs that succeeded, and runs that nothing keeps from starting. It is looked through with few calls, and answered before the rest of
-- this script is even read; whatever else there is in it, nothing of it is done here, and the rest looks at all of it.

do
  local prefix, call, direct = arg.prefix, redis.call, redis.direct
  local match, find, sub = string.match, string.find, string.sub
  -- Near, as in claim/plain-ends.lua.
  local key, arg, list, values, now, slots, fused = key, arg, list, ARGV, now, slots, fused
  local int, extra, lane_key, TAKE = int, extra, lane_key, TAKE

  -- What some of a namespace's jobs and runs may be subject to. As long as there is none of it, one call says so.
  local function rules_of_runs() return { key.cancelled, key.holds, key.limited, key.progress } end
  local function rules_of_jobs() return { key.exhaustion, key.failing, key.paced, key.retention } end
  local function holds_of_jobs() return { key.blocked, key.edges, key.paused } end

  local heads = {} -- what stands before a record's body -> what it says
  local MOST_NAMES = 7000 -- that one call is handed
  local most = slots + ahead
  local function append(all, more) for _, name in ipairs(more) do all[#all + 1] = name end end

  local function has_any(name, fields)
    for _, value in ipairs(call('HMGET', name, unpack(fields))) do if value then return true end end
    return false
  end

  -- Whether something is said of any of these: pauses, by their keys; runs that end (nil: they have been looked at); jobs of runs.
  local function are_ruled(pauses, ended, jobs)
    if #pauses > MOST_NAMES then return true end
    local names = { unpack(pauses) }
    if ended then append(names, rules_of_runs()) end
    if #jobs > 0 then append(names, rules_of_jobs()); append(names, holds_of_jobs()) end
    if call('EXISTS', unpack(names)) == 0 then return false end
    -- Others' rules, perhaps.
    if ended then append(pauses, { key.limited }) end
    if #jobs > 0 then append(pauses, holds_of_jobs()) end
    if call('EXISTS', unpack(pauses)) > 0 then return true end
    if ended and #ended > 0 then
      for _, name in ipairs({ key.cancelled, key.holds, key.progress }) do if has_any(name, ended) then return true end end
    end
    if #jobs > 0 then for _, name in ipairs(rules_of_jobs()) do if has_any(name, jobs) then return true end end end
    return false
  end

  -- Whether this node was given limits or rates that are for one of these lanes.
  local function is_limited(lanes)
    if next(limits) == nil and next(rates) == nil then return false end
    for _, lane in ipairs(lanes) do
      for _, scope in ipairs({ 'all', 'queue:' .. lane.queue, 'task:' .. lane.task }) do
        if limits[scope] or rates[scope] then return true end
      end
    end
    return false
  end

  local function by_score(one, other)
    if one.score == other.score then return one.place < other.place end
    return one.score < other.score
  end

  -- The lanes that this node serves and that have any runs. nil: one has runs that start by force.
  local function read_lanes()
    local lanes, count = {}, list.lanes.count
    if most == 0 or count == 0 then return lanes end
    if count > TAKE or most > TAKE then return nil end
    local first = list.lanes.first
    local heads = call('ZMSCORE', key.ready, unpack(values, first, first + count - 1))
    for i = 1, count do
      if heads[i] then
        if tonumber(heads[i]) < FORCED_BELOW then return nil end
        local name = values[first + i - 1]
        local queue, task = match(name, '^(.-)@(.+)$')
        lanes[#lanes + 1] = { name = name, queue = queue, task = task, taken = 0 }
      end
    end
    return lanes
  end

  local function pauses_of_lanes(lanes)
    if #lanes == 0 then return {} end
    local pause = prefix .. 'pause:'
    local names = { pause .. 'all', pause .. 'node:' .. arg.node }
    for _, lane in ipairs(lanes) do append(names, { pause .. 'queue:' .. lane.queue, pause .. 'task:' .. lane.task }) end
    return names
  end

  local function pauses_of_jobs(jobs)
    local names, pause = {}, prefix .. 'pause:'
    for _, job in ipairs(jobs) do names[#names + 1] = pause .. 'job:' .. job end
    for _, record in pairs(heads) do
      for tag in string.gmatch(extra(record, 'tg') or '', '[^,]+') do names[#names + 1] = pause .. 'tag:' .. tag end
    end
    return names
  end

  -- The first of a lane's runs that has not been picked.
  local function first_item(lane) return lane.items[(lane.picked or 0) + 1] end
  local function first_score(lane) local item = first_item(lane); return item and item.score end

  -- Runs by score, but each tenth of a lane in which one has waited for long.
  local function with_those_kept_waiting(lanes, all)
    local picks, picked, at = {}, {}, 1
    while #picks < most do
      while all[at] and picked[all[at]] do at = at + 1 end
      local item = all[at]
      if not item then break end
      local lane = kept_waiting.is_next(#picks) and kept_waiting.lane_of(lanes, first_score, item.score, #picks)
      if lane then item = first_item(lane) end
      item.lane.picked = (item.lane.picked or 0) + 1
      picks[#picks + 1], picked[item] = item, true
    end
    return picks
  end

  -- The first runs of lanes, as many as this node may be given, each lane's own in order: ids, and the lane of each. nil: that takes looking at too many.
  local function read_picks(lanes)
    if #lanes * most > 4 * TAKE then return nil end
    local picks, of = {}, {}
    if #lanes == 0 or most == 0 then return { runs = picks, lanes = of } end
    if #lanes == 1 then
      picks = call('ZRANGE', lane_key(lanes[1].name), 0, most - 1)
      for i = 1, #picks do of[i] = lanes[1] end
      return { runs = picks, lanes = of }
    end
    local all, first = {}, math.huge
    for place, lane in ipairs(lanes) do
      local items = call('ZRANGE', lane_key(lane.name), 0, most - 1, 'WITHSCORES')
      lane.items = {}
      for i = 1, #items, 2 do
        local item = { run = items[i], lane = lane, score = tonumber(items[i + 1]), place = place * 2 * TAKE + i }
        all[#all + 1], lane.items[#lane.items + 1] = item, item
        first = math.min(first, item.score)
      end
    end
    table.sort(all, by_score)
    if #all > 0 and kept_waiting.lane_of(lanes, first_score, first, 0) then all = with_those_kept_waiting(lanes, all) end
    for i = 1, math.min(#all, most) do picks[i], of[i] = all[i].run, all[i].lane end
    return { runs = picks, lanes = of }
  end

  -- Whether a definition asks for what is counted at each start, or looked up.
  local function has_own_rules(record)
    if record.extras == '' then return false end
    for name in string.gmatch(record.extras, ' (%w+)=') do
      if name == 'mr' or name == 'ck' or name == 'kr' or name == 'rf' or name == 'nt' then return true end
    end
    return false
  end

  -- Leaves these runs, from one on, where they are. False: there are free slots for some of them, which the rest is to look at.
  local function leave_from(runs, i)
    for at = #runs, math.max(i, slots + 1), -1 do runs[at] = nil end
    return i > slots
  end

  -- What a text says before its body, if it is a record that asks for nothing that is not as usual, of this lane.
  local last_head, last_record, last_lane = nil, nil, nil
  local function read_record(text, lane)
    local at = find(text, '\n', 1, true)
    if not at then return nil end
    local head = sub(text, 1, at)
    local record = heads[head]
    if not record then
      record = parse(head)
      if not record or has_own_rules(record) then return nil end
      heads[head] = record
    end
    if record.lane ~= lane.name then return nil end
    last_head, last_record, last_lane = head, record, lane
    return record
  end

  -- Reads the records of what was picked; the jobs of these runs, once their definitions are all there. nil: not of all for which there are free slots.
  -- Ahead goes only that of which nobody can tell whether it runs or waits: not what keeps other runs of its job from starting.
  local function read_records(picks)
    local runs, job_of, time_of, texts = picks.runs, {}, {}, {}
    local own, own_at, jobs, of, bytes, left = runs, {}, {}, {}, 0, {}
    if plain.are_of_jobs(runs) then own = {} end
    for i, run in ipairs(own == runs and {} or runs) do
      if not find(run, '@', 1, true) then
        own[#own + 1] = run
        own_at[#own] = i
      else
        local job, time = match(run, '^([^@]+)@(%d+)$')
        if not job then
          if leave_from(runs, i) then break else return nil end
        end
        job_of[i], time_of[i] = job, time
        if not of[job] then
          of[job] = texts_of_jobs[job] or true -- as it was made ready in this step
          if of[job] == true then jobs[#jobs + 1] = job end
        end
      end
    end
    if own == runs and #own > 0 then texts = call('HMGET', key.runs, unpack(own))
    elseif #own > 0 then for i, text in ipairs(call('HMGET', key.runs, unpack(own))) do texts[own_at[i]] = text end end
    if #jobs > 0 then for i, text in ipairs(call('HMGET', key.jobs, unpack(jobs))) do of[jobs[i]] = text end end
    local records, lanes, seen = {}, picks.lanes, {}
    picks.jobs, picks.times, picks.texts, picks.records = job_of, time_of, texts, records
    for i = 1, #runs do
      local job, text, lane = job_of[i], texts[i], lanes[i]
      if job then text = of[job]; texts[i] = text end
      local record
      if text then
        bytes = bytes + #text
        -- Most say the same before their bodies.
        if lane == last_lane and find(text, last_head, 1, true) == 1 then record = last_record else record = read_record(text, lane) end
      end
      if not record or bytes > MOST_BYTES or (i > slots and job and record.overlap ~= 'a') then
        if leave_from(runs, i) then break else return nil end
      end
      if job then
        records[i] = record
        if not seen[job] then seen[job] = true; left[#left + 1] = job end
      end
    end
    for i = 1, #runs do
      local lane = lanes[i]
      lane.taken = lane.taken + 1
    end
    return left
  end

  -- Whether runs of jobs may start: they are still to be, not too late, and do not overlap. `ended`: what ends in this step.
  local function may_start(picks, jobs, ended)
    if #jobs == 0 then return true end
    local runs, asking, run_of = {}, {}, {}
    for i, run in ipairs(picks.runs) do
      local job, record = picks.jobs[i], picks.records[i]
      if job then
        runs[#runs + 1] = run
        if record.grace and now - tonumber(picks.times[i]) > record.grace then return false end
        if record.overlap ~= 'a' then
          if run_of[job] then return false end
          run_of[job] = run
          asking[#asking + 1] = job
        end
      end
    end
    for _, score in ipairs(call('ZMSCORE', key.unstarted, unpack(runs))) do if not score then return false end end
    if #asking > 0 then
      for i, holder in ipairs(call('HMGET', key.running, unpack(asking))) do
        if holder and not ended.has[match(holder, '^%S+')] then return false end
      end
    end
    return true, runs, asking, run_of
  end

  local lock = prefix .. 'lock:'

  -- Locks, of all or of none.
  local function take_locks(runs)
    if not fused or #runs == 0 then return true end
    local value, ttl, locks = arg.node .. ':' .. arg.number, arg.lock_ttl, {}
    for i = 1, #runs do locks[2 * i - 1], locks[2 * i] = lock .. runs[i] .. '#1', value end
    if direct('MSETNX', unpack(locks)) == 0 then return false end
    for i = 1, #locks, 2 do direct('PEXPIRE', locks[i], ttl) end
    return true
  end

  -- A hash with one value of more than 64 bytes is kept as a table at once; in the other form each field is looked for from the first one on, which takes
  -- longer than all else where there are tens of runs. So where many are claimed the first has zeros before a number, in `active` and in `running`.
  local MANY, ZEROS = 16, string.rep('0', 64)

  local DIGITS = { '0', '1', '2', '3', '4', '5', '6', '7', '8', '9' }

  -- What was picked leaves its lane and is this node's. Answers the token before the first, how many, their ids, and their records, with zero bytes between them.
  local function record_starts(lanes, picks, asking, run_of)
    local runs, texts, count = picks.runs, picks.texts, #picks.runs
    if count == 0 then return {} end
    local token = draw_tokens(count)
    local active, behind = {}, ' 1 ' .. int(now) .. ' ' .. arg.number .. ' '
    for _, lane in ipairs(lanes) do lane.behind = behind .. lane.task end
    local last, of = token % 10, picks.lanes
    local tens = int((token - last) / 10)
    for i = 1, count do
      last = last + 1
      if last == 10 then last, tens = 0, int((token + i) / 10) end
      local run = runs[i]
      active[2 * i - 1], active[2 * i] = run, tens .. DIGITS[last + 1] .. of[i].behind
    end
    tell_many('starts ' .. arg.node .. ' ', runs, 1, token + 1)
    if count > MANY then active[2] = string.gsub(active[2], ' (%d+ %S+)$', ' ' .. ZEROS .. '%1') end
    in_chunks('HSET', key.active, active, 2 * TAKE)
    for _, lane in ipairs(lanes) do
      if lane.taken > 0 then
        call('ZREMRANGEBYRANK', lane_key(lane.name), 0, lane.taken - 1)
        update_head(lane.name)
      end
    end
    if asking and #asking > 0 then
      local held, at = {}, ' ' .. int(now)
      for i, job in ipairs(asking) do held[2 * i - 1] = job; held[2 * i] = run_of[job] .. at end
      if #asking > MANY then held[2] = run_of[asking[1]] .. ' ' .. ZEROS .. int(now) end
      call('HSET', key.running, unpack(held))
    end
    return { int(token), int(count), table.concat(runs, '\0'), table.concat(texts, '\0', 1, count) }
  end

  -- The whole answer, or nil: the rest of the script is to look at it.
  local function answer_plainly()
    if number == last_number then return nil end
    local waits = next_waiting()
    if waits and waits <= now then
      make_due_ready()
      flush_lanes()
      waits = next_waiting()
      if #orphans > 0 then return nil end
    end
    local ended = plain.read_outcomes()
    if not ended then return nil end
    local lanes = read_lanes()
    if not lanes or is_limited(lanes) or are_ruled(pauses_of_lanes(lanes), ended.runs, ended.jobs) then return nil end
    local picks = read_picks(lanes)
    local jobs = picks and read_records(picks)
    if not jobs or (#jobs > 0 and are_ruled(pauses_of_jobs(jobs), nil, jobs)) then return nil end
    if call('EXISTS', key.attempts) == 1 then
      local all = { unpack(ended.runs) }
      append(all, picks.runs)
      if #all > 0 and has_any(key.attempts, all) then return nil end
    end
    local may, unstarted, asking, run_of = may_start(picks, jobs, ended)
    if not may or not take_locks(picks.runs) then return nil end

    plain.record_outcomes(ended, run_of or {})
    if unstarted then call('ZREM', key.unstarted, unpack(unstarted)) end
    local given = record_starts(lanes, picks, asking, run_of)
    local answer = string.rep('1', #ended.runs)
    local looked = #lanes > 1 and #picks.runs or 0
    call('HSET', key.request, unpack(kept_waiting.note(looked, { of_line[1], arg.number, of_line[2], answer })))
    flush_events(now)
    return { int(now), answer, waits and int(waits) or '', {}, {}, 0, given }
  end

  local answer = answer_plainly()
  if answer then return answer end
end
