-- The places of limits and rates where there are several partitions: how many this one has, what it lacks, and what it is to give back.

do
  local own, count = string.match(arg.partition, '^(%d+)/(%d+)$')
  own, count = tonumber(own), tonumber(count)
  lending.is_on = own ~= nil

  local known, wanted, wants = {}, {}, {} -- scope -> what stands of it here; what is asked for, by scope and in order
  local told_none = {} -- states of scopes of which runs may be skipped now

  local function state_of(scope)
    local state = known[scope]
    if state then return state end
    local is_home = step.slot_of(scope) % count == own
    state = { is_home = is_home, name = arg.prefix .. (is_home and 'lent:' or 'borrowed:') .. scope }
    state.fields = lending.read(state.name)
    state.is_new = next(state.fields) == nil and not (is_home and lending.may_be_forgotten(now))
    if is_home then
      state.out, state.waits = 0, false
      for name, text in pairs(state.fields) do
        local lent, settled = string.match(text, '^(%d+) %d+ (%d+) ')
        if lent and tonumber(name) then state.out = state.out + tonumber(lent) - tonumber(settled) end
      end
      for partition, asked in string.gmatch(state.fields.waits or '', '(%d+):%d+:(%d+):') do
        if tonumber(partition) ~= own and tonumber(asked) > now - 2000 then state.waits = true end
      end
      state.owes = state.waits and tonumber(state.fields.owes or 0) or 0
    end
    known[scope] = state
    return state
  end

  -- What was lent under a higher `max` goes back, all of it.
  local function settle_anew(state, max)
    local fields = state.fields
    fields.called, fields.max, state.is_called = fields.received, tostring(max), true
    redis.call('HSET', state.name, 'called', fields.called, 'max', max)
  end

  -- How many of the `max` places of a scope this partition has; of a rate with its period.
  function lending.places(scope, max, per)
    if not lending.is_on then return max end
    local state = state_of(scope)
    local fields = state.fields
    state.per = per
    if state.is_new then return state.is_home and max or 0 end
    if fields.history ~= lending.history() then return 0 end
    if state.is_home then return max - state.out - state.owes end
    if tonumber(fields.max or 0) > max then settle_anew(state, max) end
    return tonumber(fields.received) - math.max(tonumber(fields.called), tonumber(fields.returned))
  end

  -- Whether all places are here, so that nobody else need be asked.
  local function has_all(state)
    return state.is_home and (state.is_new or (state.out == 0 and state.owes == 0 and state.fields.history == lending.history()))
  end

  local function look_again(at) if not lending.opens or at < lending.opens then lending.opens = at end end

  -- There is work for a scope and no place, in a lane, or a run: places are asked for elsewhere, unless somebody is at it. Answers when to look again; nil: there are
  -- none elsewhere.
  function lending.want(scope, limit, pause, lane)
    if not lending.is_on then return nil end
    local state = state_of(scope)
    if has_all(state) then return nil end
    if not wanted[scope] then
      local asked = tonumber(state.fields.asked or 0)
      if asked > now - pause then
        look_again(asked + 2.5 * pause)
        return now + pause
      end
      wanted[scope] = { scope = scope, state = state, how = limit.how or 'w', max = limit.max, per = limit.per, lanes = {}, runs = 0 }
      wants[#wants + 1] = wanted[scope]
    end
    if lane then wanted[scope].lanes[lane] = true else wanted[scope].runs = wanted[scope].runs + 1 end
    look_again(now + pause)
    return now + pause
  end

  -- Whether what finds no place here would find none anywhere.
  function lending.is_none(scope)
    if not lending.is_on then return true end
    local state = state_of(scope)
    if has_all(state) then return true end
    if tonumber(state.fields.none or 0) <= now then return false end
    told_none[#told_none + 1] = state
    return true
  end

  -- A run takes a place.
  function lending.use(scope)
    if not lending.is_on then return end
    local state = state_of(scope)
    if state.fields.fresh then
      redis.call('HDEL', state.name, 'fresh')
      state.fields.fresh = nil
    end
    local keeps, till = string.match(state.fields.keeps or '', '^(%d+) (%d+)$')
    if keeps and keeps ~= '0' then
      state.fields.keeps = '0 ' .. till
      redis.call('HSET', state.name, 'keeps', state.fields.keeps)
    end
  end

  -- Places for which others wait have become free.
  local function offer_freed()
    for scope in pairs(freed_scopes) do
      local state = state_of(scope)
      local fields = state.fields
      local max = tonumber(fields.max or nil)
      if max and not wanted[scope] then
        local is_due = state.is_home and state.waits and max - state.out > lending.used(scope, nil, now)
        if not state.is_home then is_due = tonumber(fields.called) > tonumber(fields.returned) end
        if is_due then
          wanted[scope] = { scope = scope, state = state, how = 'g', max = max }
          wants[#wants + 1] = wanted[scope]
        end
      end
    end
    for scope, state in pairs(known) do
      if state.is_called and not wanted[scope] then
        wants[#wants + 1] = { scope = scope, state = state, how = 'g', max = tonumber(state.fields.max), per = state.per }
      end
    end
  end

  -- How many runs wait for places of a scope, of which this node could take some.
  local function count_of(want)
    if want.how == 'g' then return 0 end
    local name = string.match(want.scope, '^key:(.+)$')
    local found = name and redis.call('ZCARD', full_key(name)) or want.runs
    for lane in pairs(want.lanes) do found = found + redis.call('ZCARD', lane_key(lane)) end
    return math.max(math.min(found, slots - #claimed), 1)
  end

  -- What the node is to see to, 6 values each: scope; w: it waits for places, s: it skips what finds none, g: there may be some to give; max, period, how many
  -- it could use, and what stands here.
  function lending.answer()
    offer_freed()
    for _, state in ipairs(told_none) do redis.call('HDEL', state.name, 'none') end
    local answer = {}
    for _, want in ipairs(wants) do
      local state, fields, report = want.state, want.state.fields, ''
      if not state.is_home then
        for _, name in ipairs({ 'received', 'called', 'returned' }) do fields[name] = fields[name] or '0' end
        lending.give_back(fields, lending.used(want.scope, want.per, now), 0)
        report = lending.report(fields, now)
        lending.write(state.name, { 'received', fields.received, 'called', fields.called, 'returned', fields.returned, 'asked', int(now), 'history',
          fields.history or lending.history() }, fields.received == fields.returned)
      elseif want.how ~= 'g' then
        redis.call('HSET', state.name, 'asked', int(now))
        if not fields.history then redis.call('PEXPIRE', state.name, lending.EVEN) end
      end
      for _, value in ipairs({ want.scope, want.how, int(want.max), want.per and int(want.per) or '', int(count_of(want)), report }) do
        answer[#answer + 1] = value
      end
    end
    return answer
  end
end
